// A trial: no private network, one copy of the storage, one day of retention so that it can be removed again.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'dev')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')

param teleMessageBaseUrl = readEnvironmentVariable('TELEMESSAGE_BASE_URL')
param teleMessageUsername = readEnvironmentVariable('TELEMESSAGE_USERNAME')
param teleMessagePassword = readEnvironmentVariable('TELEMESSAGE_PASSWORD', '')

param signInClientId = readEnvironmentVariable('SIGN_IN_CLIENT_ID', '')
param operatorGroupId = readEnvironmentVariable('OPERATOR_GROUP_ID', '')
param operatorIpRanges = filter(split(readEnvironmentVariable('OPERATOR_IP_RANGES', ''), ','), range => !empty(range))
param alertEmails = split(readEnvironmentVariable('ALERT_EMAILS'), ',')

param storageSku = 'Standard_LRS'
param retentionDays = 1
param softDeleteDays = 7
param logRetentionDays = 30
param logStorageReadsAndWrites = false
param privateNetwork = false
