// The Flex Consumption plan and the function app with its settings.

@description('Region of the app.')
param location string

@description('Name of the app.')
param name string

@description('Name of the plan.')
param planName string

@description('Tags of the app and the plan.')
param tags object

@description('Resource id of the app\'s identity.')
param identityId string

@description('Application id of the app\'s identity.')
param identityClientId string

@description('Name of the storage account.')
param storageName string

@description('Address of the TeleMessage password in Key Vault.')
param passwordSecretUri string

@description('Where the app sends its telemetry.')
param insightsConnectionString string

@description('Workspace that receives the app\'s logs.')
param workspaceId string

@description('Subnet that the app runs in; empty without a private network.')
param subnetId string

@description('Address ranges that may call the app over HTTP; empty for all, who still have to sign in.')
param operatorIpRanges array

@description('Most instances that run at one time.')
param maximumInstanceCount int

@description('Memory of one instance, in MB.')
param instanceMemoryMB int

@description('Settings of the archiver itself, by the names of shared/config.ts.')
param archiverSettings object

resource plan 'Microsoft.Web/serverfarms@2024-04-01' = {
  name: planName
  location: location
  tags: tags
  kind: 'functionapp'
  sku: {
    tier: 'FlexConsumption'
    name: 'FC1'
  }
  properties: {
    reserved: true
  }
}

resource app 'Microsoft.Web/sites@2024-04-01' = {
  name: name
  location: location
  tags: union(tags, {
    'azd-service-name': 'archiver'
  })
  kind: 'functionapp,linux'
  identity: {
    type: 'UserAssigned'
    userAssignedIdentities: {
      '${identityId}': {}
    }
  }
  properties: {
    serverFarmId: plan.id
    httpsOnly: true
    clientAffinityEnabled: false
    keyVaultReferenceIdentity: identityId
    virtualNetworkSubnetId: empty(subnetId) ? null : subnetId
    siteConfig: {
      minTlsVersion: '1.2'
      scmMinTlsVersion: '1.2'
      ipSecurityRestrictionsDefaultAction: empty(operatorIpRanges) ? 'Allow' : 'Deny'
      ipSecurityRestrictions: [
        for (range, index) in operatorIpRanges: {
          name: 'operators-${index + 1}'
          priority: 100 + index
          action: 'Allow'
          ipAddress: range
        }
      ]
    }
    functionAppConfig: {
      deployment: {
        storage: {
          type: 'blobContainer'
          value: 'https://${storageName}.blob.${environment().suffixes.storage}/deployments'
          authentication: {
            type: 'UserAssignedIdentity'
            userAssignedIdentityResourceId: identityId
          }
        }
      }
      runtime: {
        name: 'node'
        version: '22'
      }
      scaleAndConcurrency: {
        maximumInstanceCount: maximumInstanceCount
        instanceMemoryMB: instanceMemoryMB
      }
    }
  }

  // A user name and password for publishing would be one more secret; deployment signs in with Entra.
  resource publishing 'basicPublishingCredentialsPolicies' = {
    name: 'scm'
    properties: {
      allow: false
    }
  }

  resource fileTransfer 'basicPublishingCredentialsPolicies' = {
    name: 'ftp'
    properties: {
      allow: false
    }
  }

  resource settings 'config' = {
    name: 'appsettings'
    properties: union(archiverSettings, {
      AzureWebJobsStorage__credential: 'managedidentity'
      AzureWebJobsStorage__clientId: identityClientId
      AzureWebJobsStorage__blobServiceUri: 'https://${storageName}.blob.${environment().suffixes.storage}'
      AzureWebJobsStorage__queueServiceUri: 'https://${storageName}.queue.${environment().suffixes.storage}'
      AzureWebJobsStorage__tableServiceUri: 'https://${storageName}.table.${environment().suffixes.storage}'
      // The host would make tables of its own, for which the identity has no right.
      AzureWebJobsFeatureFlags: 'DisableDiagnosticEventLogging'
      AZURE_CLIENT_ID: identityClientId
      APPLICATIONINSIGHTS_CONNECTION_STRING: insightsConnectionString
      APPLICATIONINSIGHTS_AUTHENTICATION_STRING: 'ClientId=${identityClientId};Authorization=AAD'
      TELEMESSAGE_PASSWORD: '@Microsoft.KeyVault(SecretUri=${passwordSecretUri})'
    })
  }
}

resource logs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: app
  properties: {
    workspaceId: workspaceId
    // The host's own log, which says why telemetry is missing when telemetry is what is broken.
    logs: [
      {
        category: 'FunctionAppLogs'
        enabled: true
      }
    ]
  }
}

@description('Address of the app.')
output url string = 'https://${app.properties.defaultHostName}'
