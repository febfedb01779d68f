// The key vault with the one secret: the password of the TeleMessage account.

@description('Region of the vault.')
param location string

@description('Name of the vault.')
param name string

@description('Tags of the vault.')
param tags object

@description('Whether only private endpoints reach the vault.')
param private bool

@description('Address ranges that reach it over its public address all the same; they count only beside private endpoints.')
param operatorIpRanges array

@description('Password of the TeleMessage account. Empty leaves the one that is in the vault.')
@secure()
param teleMessagePassword string

@description('Workspace that receives the vault\'s logs.')
param workspaceId string

@description('Name of the secret.')
param secretName string

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' = {
  name: name
  location: location
  tags: tags
  properties: {
    tenantId: tenant().tenantId
    sku: {
      family: 'A'
      name: 'standard'
    }
    enableRbacAuthorization: true
    enablePurgeProtection: true
    enableSoftDelete: true
    softDeleteRetentionInDays: 90
    enabledForDeployment: false
    enabledForDiskEncryption: false
    enabledForTemplateDeployment: false
    publicNetworkAccess: private && empty(operatorIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      // The deployment itself writes the secret, which a closed vault allows to trusted services only.
      bypass: 'AzureServices'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [
        for range in operatorIpRanges: {
          value: range
        }
      ]
    }
  }
}

resource password 'Microsoft.KeyVault/vaults/secrets@2024-11-01' = if (!empty(teleMessagePassword)) {
  parent: vault
  name: secretName
  properties: {
    contentType: 'Password of the TeleMessage account'
    value: teleMessagePassword
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: vault
  properties: {
    workspaceId: workspaceId
    logs: [
      {
        category: 'AuditEvent'
        enabled: true
      }
    ]
  }
}

@description('Resource id of the vault.')
output id string = vault.id
