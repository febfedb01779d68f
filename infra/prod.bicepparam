// Production, and what `azd up` deploys. What differs between tenants comes from the environment.
using 'main.bicep'

param environmentName = readEnvironmentVariable('AZURE_ENV_NAME', 'prod')
param location = readEnvironmentVariable('AZURE_LOCATION', 'westeurope')

param teleMessageBaseUrl = readEnvironmentVariable('TELEMESSAGE_BASE_URL')
param teleMessageUsername = readEnvironmentVariable('TELEMESSAGE_USERNAME')
param teleMessagePassword = readEnvironmentVariable('TELEMESSAGE_PASSWORD', '')

param signInClientId = readEnvironmentVariable('SIGN_IN_CLIENT_ID', '')
param operatorGroupId = readEnvironmentVariable('OPERATOR_GROUP_ID', '')
param operatorIpRanges = filter(split(readEnvironmentVariable('OPERATOR_IP_RANGES', ''), ','), range => !empty(range))
param alertEmails = split(readEnvironmentVariable('ALERT_EMAILS'), ',')
param retentionLocked = readEnvironmentVariable('RETENTION_LOCKED', 'false') == 'true'
