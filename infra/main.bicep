// Everything that one archiver needs, in a resource group of its own.
targetScope = 'subscription'

@description('Name of this environment, such as dev or prod. Names of resources that have to be unique derive from it.')
@minLength(2)
@maxLength(20)
param environmentName string

@description('Region of every resource.')
param location string = deployment().location

@description('Resource group that is made for the archiver.')
@minLength(1)
@maxLength(90)
param resourceGroupName string = 'rg-archiver-${environmentName}'

@description('Tags of every resource.')
param tags object = {}

@description('Archiver to run: ARCHIVER of the settings.')
@allowed([
  'android'
  'att'
  'bell'
  'enterprise-number'
  'o2'
  'rogers'
  'signal'
  'telegram'
  'telus'
  'verizon'
  'wechat'
  'whatsapp'
])
param archiver string = 'enterprise-number'

@description('When the day\'s items are listed, in UTC: six NCRONTAB fields.')
param archiveSchedule string = '0 30 1 * * *'

@description('Address of the TeleMessage account, https; it may carry a path.')
@minLength(9)
param teleMessageBaseUrl string

@description('User name of the TeleMessage account.')
@minLength(1)
param teleMessageUsername string

@description('Password of the TeleMessage account. It goes into Key Vault and nowhere else. Leave it empty later on, and the one in the vault stays.')
@secure()
param teleMessagePassword string

@description('Address of Microsoft Graph; another one only for sovereign clouds.')
param graphBaseUrl string = 'https://graph.microsoft.com'

@description('Whether participants are mapped to users by their e-mail addresses.')
param mappingAutomatic bool = true

@description('Blob of the mapping file in the container config; empty turns custom mapping off.')
param mappingCsvBlob string = 'config/mapping.csv'

@description('Message header that holds the "User\'s Email address" property.')
param userEmailHeader string = 'X-TELEMESSAGE-UserEmailAddress'

@description('ISO 3166 code of the country of numbers that are written without one, such as GB; empty for none.')
param phoneDefaultCountry string = ''

@description('Size in bytes above which an item or an attachment is oversize.')
@minValue(1)
@maxValue(157286400)
param maxItemBytes int = 10485760

@description('Minutes by which a run looks back into the time of the one before it.')
@minValue(0)
@maxValue(10080)
param windowOverlapMinutes int = 120

@description('Requests to Microsoft Graph at one time for one mailbox.')
@minValue(1)
@maxValue(4)
param graphLanesPerMailbox int = 3

@description('Requests to Microsoft Graph at one time, of one instance.')
@minValue(1)
@maxValue(1000)
param graphLanesTotal int = 64

@description('Whether the raw item is attached to its copy in the mailbox, which doubles the mailbox.')
param attachOriginal bool = false

@description('Share of the copies that are read again after import, from 0 to 1. A text, because Bicep has no fractions.')
param verifyShare string = '0.01'

@description('Redundancy of the storage account.')
@allowed([
  'Standard_LRS'
  'Standard_ZRS'
  'Standard_GRS'
  'Standard_GZRS'
])
param storageSku string = 'Standard_ZRS'

@description('Days that no raw item and no audit record can be changed or deleted, by anybody, once the retention is locked.')
@minValue(1)
@maxValue(146000)
param retentionDays int = 2555

@description('Say true once the retention has been locked (docs/set-up.md); the template then leaves it alone.')
param retentionLocked bool = false

@description('Days that other deleted blobs can be restored.')
@minValue(7)
@maxValue(365)
param softDeleteDays int = 30

@description('Days after which an item moves to the cool tier.')
@minValue(1)
@maxValue(3650)
param coolAfterDays int = 30

@description('Days that telemetry and logs are kept.')
@minValue(30)
@maxValue(730)
param logRetentionDays int = 90

@description('Whether every read and write of storage is logged, and not only deletions. At a million items a day this is tens of gigabytes a month.')
param logStorageReadsAndWrites bool = true

@description('Whether storage and Key Vault are reached over private endpoints only. Deploy it so from the start, or run the deployment twice.')
param privateNetwork bool = true

@description('Address range of the private network, at least a /26.')
param addressPrefix string = '10.80.0.0/26'

@description('Application id that infra/register-sign-in.sh prints. Empty: no HTTP function answers anybody.')
param signInClientId string = ''

@description('Applications that may ask for tokens on a user\'s behalf. The default is the Azure CLI.')
param signInAllowedClients array = [
  '04b07795-8ddb-461a-bbee-02f9e1bf7b46'
]

@description('Address ranges (CIDR) of the operators. Only they may then call the app over HTTP, and they reach storage and Key Vault beside the private endpoints. Empty: everybody may call the app, after sign-in, and only the app reaches the other two, where there is a private network.')
param operatorIpRanges array = []

@description('Object id of the Entra group that may upload the mapping file and read reports in storage; empty for none.')
param operatorGroupId string = ''

@description('E-mail addresses that get the alerts.')
@minLength(1)
param alertEmails array

@description('Days without a single new item before the alert. Azure Monitor looks back two days at most.')
@minValue(1)
@maxValue(2)
param feedSilentDays int = 2

@description('Age in days from which a parked item waits too long.')
@minValue(1)
@maxValue(365)
param parkedMaxAgeDays int = 7

@description('Share of failed items, in percent, that raises an alert.')
@minValue(1)
@maxValue(100)
param failurePercent int = 5

@description('Most instances of the app at one time.')
@minValue(40)
@maxValue(1000)
param maximumInstanceCount int = 40

@description('Memory of one instance, in MB.')
@allowed([
  512
  2048
  4096
])
param instanceMemoryMB int = 2048

var suffix = uniqueString(subscription().id, resourceGroupName, environmentName)
var identityName = 'id-archiver-${suffix}'
var insightsName = 'appi-archiver-${suffix}'
var storageName = 'starchiver${suffix}'
var vaultName = 'kv-arch-${suffix}'
var appName = 'func-archiver-${suffix}'
var networkName = 'vnet-archiver-${suffix}'
var functionsSubnetName = 'functions'
var secretName = 'telemessage-password'
var allTags = union(tags, {
  'azd-env-name': environmentName
})

resource group 'Microsoft.Resources/resourceGroups@2024-03-01' = {
  name: resourceGroupName
  location: location
  tags: allTags
}

module identity 'modules/identity.bicep' = {
  scope: group
  params: {
    location: location
    name: identityName
    tags: allTags
  }
}

module monitor 'modules/monitor.bicep' = {
  scope: group
  params: {
    location: location
    workspaceName: 'log-archiver-${suffix}'
    insightsName: insightsName
    actionGroupName: 'ag-archiver-${suffix}'
    tags: allTags
    retentionDays: logRetentionDays
    alertEmails: alertEmails
  }
}

module storage 'modules/storage.bicep' = {
  scope: group
  params: {
    location: location
    name: storageName
    tags: allTags
    sku: storageSku
    private: privateNetwork
    operatorIpRanges: operatorIpRanges
    retentionDays: retentionDays
    retentionLocked: retentionLocked
    softDeleteDays: softDeleteDays
    coolAfterDays: coolAfterDays
    workspaceId: monitor.outputs.workspaceId
    logReadsAndWrites: logStorageReadsAndWrites
  }
}

module vault 'modules/vault.bicep' = {
  scope: group
  params: {
    location: location
    name: vaultName
    tags: allTags
    private: privateNetwork
    operatorIpRanges: operatorIpRanges
    teleMessagePassword: teleMessagePassword
    secretName: secretName
    workspaceId: monitor.outputs.workspaceId
  }
}

module network 'modules/network.bicep' = if (privateNetwork) {
  scope: group
  params: {
    location: location
    name: networkName
    tags: allTags
    addressPrefix: addressPrefix
    storageId: storage.outputs.id
    vaultId: vault.outputs.id
    functionsSubnetName: functionsSubnetName
  }
}

module access 'modules/access.bicep' = {
  scope: group
  params: {
    identityName: identityName
    operatorGroupId: operatorGroupId
    storageName: storageName
    vaultName: vaultName
    secretName: secretName
    insightsName: insightsName
  }
  dependsOn: [
    identity
    monitor
    storage
    vault
  ]
}

module app 'modules/app.bicep' = {
  scope: group
  params: {
    location: location
    name: appName
    planName: 'plan-archiver-${suffix}'
    tags: allTags
    identityId: identity.outputs.id
    identityClientId: identity.outputs.clientId
    storageName: storageName
    passwordSecretUri: 'https://${vaultName}${environment().suffixes.keyvaultDns}/secrets/${secretName}'
    insightsConnectionString: monitor.outputs.connectionString
    workspaceId: monitor.outputs.workspaceId
    subnetId: privateNetwork ? network!.outputs.functionsSubnetId : ''
    operatorIpRanges: operatorIpRanges
    maximumInstanceCount: maximumInstanceCount
    instanceMemoryMB: instanceMemoryMB
    archiverSettings: {
      ARCHIVE_SCHEDULE: archiveSchedule
      ARCHIVER: archiver
      TELEMESSAGE_BASE_URL: teleMessageBaseUrl
      TELEMESSAGE_USERNAME: teleMessageUsername
      GRAPH_BASE_URL: graphBaseUrl
      GRAPH_AUTH: 'identity'
      // string(true) is 'True', which the app refuses.
      MAPPING_AUTOMATIC: mappingAutomatic ? 'true' : 'false'
      MAPPING_CSV_BLOB: mappingCsvBlob
      USER_EMAIL_HEADER: userEmailHeader
      PHONE_DEFAULT_COUNTRY: phoneDefaultCountry
      MAX_ITEM_BYTES: string(maxItemBytes)
      WINDOW_OVERLAP_MINUTES: string(windowOverlapMinutes)
      GRAPH_LANES_PER_MAILBOX: string(graphLanesPerMailbox)
      GRAPH_LANES_TOTAL: string(graphLanesTotal)
      ATTACH_ORIGINAL: attachOriginal ? 'true' : 'false'
      VERIFY_SHARE: verifyShare
    }
  }
  dependsOn: [
    // The app starts at once and must find its rights.
    access
  ]
}

module signIn 'modules/sign-in.bicep' = {
  scope: group
  params: {
    appName: appName
    clientId: signInClientId
    allowedClients: signInAllowedClients
  }
  dependsOn: [
    app
  ]
}

module alerts 'modules/alerts.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    workspaceId: monitor.outputs.workspaceId
    actionGroupId: monitor.outputs.actionGroupId
    feedSilentDays: feedSilentDays
    parkedMaxAgeDays: parkedMaxAgeDays
    failurePercent: failurePercent
  }
}

module workbook 'modules/workbook.bicep' = {
  scope: group
  params: {
    location: location
    tags: allTags
    workspaceId: monitor.outputs.workspaceId
  }
}

@description('Resource group of everything, for az and azd.')
output AZURE_RESOURCE_GROUP string = group.name

@description('Function app, for deployment of the package.')
output FUNCTION_APP_NAME string = appName

@description('Address of the HTTP functions, for the operator\'s command line.')
output FUNCTION_APP_URL string = app.outputs.url

@description('Application id of the identity, for infra/grant-mailbox-access.ps1.')
output IDENTITY_CLIENT_ID string = identity.outputs.clientId

@description('Object id of the identity, for infra/grant-mailbox-access.ps1 and infra/grant-directory-read.sh.')
output IDENTITY_PRINCIPAL_ID string = identity.outputs.principalId

@description('Storage account, for the upload of the mapping file and the lock of the retention.')
output STORAGE_ACCOUNT_NAME string = storageName

@description('Key vault, for a new password.')
output KEY_VAULT_NAME string = vaultName

@description('Workspace, for queries.')
output LOG_WORKSPACE_ID string = monitor.outputs.workspaceId

@description('Address that TeleMessage sees; empty without a private network.')
output OUTBOUND_ADDRESS string = privateNetwork ? network!.outputs.outboundAddress : ''
