// The storage account: raw items as evidence, the ledger, the queues, and what the Functions host keeps.

import { queues, tables } from 'names.bicep'

@description('Region of the account.')
param location string

@description('Name of the account.')
param name string

@description('Tags of the account.')
param tags object

@description('Redundancy of the account.')
param sku string

@description('Whether only private endpoints reach the account.')
param private bool

@description('Address ranges that reach it over its public address all the same; they count only beside private endpoints.')
param operatorIpRanges array

@description('Days that nobody can change or delete an item or an audit record, counted from its creation.')
param retentionDays int

@description('Whether the retention is locked by now. A locked policy cannot be written again, so the template leaves it alone.')
param retentionLocked bool

@description('Days that deleted or replaced blobs of the other containers can be restored.')
param softDeleteDays int

@description('Days after which an item moves to the cool tier.')
param coolAfterDays int

@description('Workspace that receives the account\'s logs.')
param workspaceId string

@description('Whether each read and write of a blob, message or row is logged, and not only deletions.')
param logReadsAndWrites bool

// `items` is written once and never changed; `audit` grows at its end, which time-based retention forbids unless it is told.
var retained = [
  {
    name: 'items'
    appends: false
  }
  {
    name: 'audit'
    appends: true
  }
]

// The two containers of the host are made here so that it needs no right to make them.
var containers = [
  'config'
  'reports'
  'deployments'
  'azure-webjobs-hosts'
  'azure-webjobs-secrets'
]

var logCategories = logReadsAndWrites ? ['StorageRead', 'StorageWrite', 'StorageDelete'] : ['StorageDelete']

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' = {
  name: name
  location: location
  tags: tags
  kind: 'StorageV2'
  sku: {
    name: sku
  }
  properties: {
    accessTier: 'Hot'
    allowBlobPublicAccess: false
    allowCrossTenantReplication: false
    allowSharedKeyAccess: false
    defaultToOAuthAuthentication: true
    minimumTlsVersion: 'TLS1_2'
    supportsHttpsTrafficOnly: true
    publicNetworkAccess: private && empty(operatorIpRanges) ? 'Disabled' : 'Enabled'
    networkAcls: {
      bypass: 'None'
      defaultAction: private ? 'Deny' : 'Allow'
      ipRules: [
        for range in operatorIpRanges: {
          // Storage refuses /32 and wants the address alone.
          value: replace(range, '/32', '')
          action: 'Allow'
        }
      ]
    }
    encryption: {
      keySource: 'Microsoft.Storage'
      requireInfrastructureEncryption: true
      services: {
        blob: {
          enabled: true
          keyType: 'Account'
        }
        queue: {
          enabled: true
          keyType: 'Account'
        }
        table: {
          enabled: true
          keyType: 'Account'
        }
      }
    }
  }
}

resource blobs 'Microsoft.Storage/storageAccounts/blobServices@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    isVersioningEnabled: true
    deleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
      allowPermanentDelete: false
    }
    containerDeleteRetentionPolicy: {
      enabled: true
      days: softDeleteDays
    }
  }
}

resource retainedContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [
  for container in retained: {
    parent: blobs
    name: container.name
    properties: {
      publicAccess: 'None'
    }
  }
]

resource retention 'Microsoft.Storage/storageAccounts/blobServices/containers/immutabilityPolicies@2024-01-01' = [
  for (container, index) in retained: if (!retentionLocked) {
    parent: retainedContainers[index]
    name: 'default'
    properties: {
      immutabilityPeriodSinceCreationInDays: retentionDays
      allowProtectedAppendWrites: container.appends
    }
  }
]

resource otherContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' = [
  for container in containers: {
    parent: blobs
    name: container
    properties: {
      publicAccess: 'None'
    }
  }
]

resource lifecycle 'Microsoft.Storage/storageAccounts/managementPolicies@2024-01-01' = {
  parent: account
  name: 'default'
  properties: {
    policy: {
      rules: [
        {
          name: 'items-to-cool'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: [
                'items/'
              ]
            }
            actions: {
              baseBlob: {
                tierToCool: {
                  daysAfterModificationGreaterThan: coolAfterDays
                }
              }
            }
          }
        }
        {
          // The host writes its timers and locks all day; each write is a version.
          name: 'forget-old-versions'
          enabled: true
          type: 'Lifecycle'
          definition: {
            filters: {
              blobTypes: [
                'blockBlob'
              ]
              prefixMatch: map(containers, container => '${container}/')
            }
            actions: {
              version: {
                delete: {
                  daysAfterCreationGreaterThan: softDeleteDays
                }
              }
            }
          }
        }
      ]
    }
  }
  dependsOn: [
    blobs
  ]
}

resource queueService 'Microsoft.Storage/storageAccounts/queueServices@2024-01-01' = {
  parent: account
  name: 'default'

  resource queue 'queues' = [
    for queue in queues: {
      name: queue
    }
  ]
}

resource tableService 'Microsoft.Storage/storageAccounts/tableServices@2024-01-01' = {
  parent: account
  name: 'default'

  resource table 'tables' = [
    for table in tables: {
      name: table
    }
  ]
}

resource blobLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: blobs
  properties: {
    workspaceId: workspaceId
    logs: [
      for category in logCategories: {
        category: category
        enabled: true
      }
    ]
  }
}

resource queueLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: queueService
  properties: {
    workspaceId: workspaceId
    logs: [
      for category in logCategories: {
        category: category
        enabled: true
      }
    ]
  }
}

resource tableLogs 'Microsoft.Insights/diagnosticSettings@2021-05-01-preview' = {
  name: 'to-workspace'
  scope: tableService
  properties: {
    workspaceId: workspaceId
    logs: [
      for category in logCategories: {
        category: category
        enabled: true
      }
    ]
  }
}

@description('Resource id of the account.')
output id string = account.id
