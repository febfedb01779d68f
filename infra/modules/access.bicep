// What the app's identity, and the operators, may do: each right on the one container, queue, table or secret that needs it.

import { queues, tables } from 'names.bicep'

@description('Name of the app\'s identity.')
param identityName string

@description('Object id of the operators\' Entra group; empty for none.')
param operatorGroupId string

@description('Name of the storage account.')
param storageName string

@description('Name of the key vault.')
param vaultName string

@description('Name of the secret that holds the password.')
param secretName string

@description('Name of the Application Insights component.')
param insightsName string

// Built-in roles, by the ids that Microsoft publishes.
var blobDataOwner = 'b7e6dc6d-f1e8-4753-8033-0f276bb0955b'
var blobDataContributor = 'ba92f5b4-2d11-453d-a403-e96b0029c9fe'
var blobDataReader = '2a2b9908-6ea1-4ae2-8e65-a410df84e7d1'
var queueDataContributor = '974c5e8b-45b9-4653-ba55-5f855dd0fb88'
var tableDataContributor = '0a9a7e1f-b9d0-4cc4-a60d-0319b160aaa3'
var secretsUser = '4633458b-17de-408a-b874-0445c86b69e6'
var metricsPublisher = '3913510d-42f4-4e42-8a64-420c390055eb'

// Owner of the two containers of the host only: on the account it could lift the retention of the items.
var containerRoles = [
  {
    container: 'azure-webjobs-hosts'
    role: blobDataOwner
  }
  {
    container: 'azure-webjobs-secrets'
    role: blobDataOwner
  }
  {
    container: 'deployments'
    role: blobDataContributor
  }
  {
    container: 'items'
    role: blobDataContributor
  }
  {
    container: 'audit'
    role: blobDataContributor
  }
  {
    container: 'reports'
    role: blobDataContributor
  }
  {
    container: 'config'
    role: blobDataReader
  }
]

var operatorRoles = [
  {
    container: 'config'
    role: blobDataContributor
  }
  {
    container: 'reports'
    role: blobDataReader
  }
]

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' existing = {
  name: identityName
}

resource account 'Microsoft.Storage/storageAccounts@2024-01-01' existing = {
  name: storageName

  resource blobs 'blobServices' existing = {
    name: 'default'
  }

  resource queueService 'queueServices' existing = {
    name: 'default'
  }

  resource tableService 'tableServices' existing = {
    name: 'default'
  }
}

resource containers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = [
  for entry in containerRoles: {
    parent: account::blobs
    name: entry.container
  }
]

resource containerAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (entry, index) in containerRoles: {
    name: guid(containers[index].id, identity.id, entry.role)
    scope: containers[index]
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    }
  }
]

resource queueScopes 'Microsoft.Storage/storageAccounts/queueServices/queues@2024-01-01' existing = [
  for queue in queues: {
    parent: account::queueService
    name: queue
  }
]

resource queueAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (queue, index) in queues: {
    name: guid(queueScopes[index].id, identity.id, queueDataContributor)
    scope: queueScopes[index]
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', queueDataContributor)
    }
  }
]

resource tableScopes 'Microsoft.Storage/storageAccounts/tableServices/tables@2024-01-01' existing = [
  for table in tables: {
    parent: account::tableService
    name: table
  }
]

resource tableAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (table, index) in tables: {
    name: guid(tableScopes[index].id, identity.id, tableDataContributor)
    scope: tableScopes[index]
    properties: {
      principalId: identity.properties.principalId
      principalType: 'ServicePrincipal'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', tableDataContributor)
    }
  }
]

resource vault 'Microsoft.KeyVault/vaults@2024-11-01' existing = {
  name: vaultName

  resource password 'secrets' existing = {
    name: secretName
  }
}

resource secretAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(vault::password.id, identity.id, secretsUser)
  scope: vault::password
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', secretsUser)
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' existing = {
  name: insightsName
}

resource telemetryAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = {
  name: guid(insights.id, identity.id, metricsPublisher)
  scope: insights
  properties: {
    principalId: identity.properties.principalId
    principalType: 'ServicePrincipal'
    roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', metricsPublisher)
  }
}

resource operatorContainers 'Microsoft.Storage/storageAccounts/blobServices/containers@2024-01-01' existing = [
  for entry in operatorRoles: {
    parent: account::blobs
    name: entry.container
  }
]

resource operatorAccess 'Microsoft.Authorization/roleAssignments@2022-04-01' = [
  for (entry, index) in operatorRoles: if (!empty(operatorGroupId)) {
    name: guid(operatorContainers[index].id, operatorGroupId, entry.role)
    scope: operatorContainers[index]
    properties: {
      principalId: operatorGroupId
      principalType: 'Group'
      roleDefinitionId: subscriptionResourceId('Microsoft.Authorization/roleDefinitions', entry.role)
    }
  }
]
