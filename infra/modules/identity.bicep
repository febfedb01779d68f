// The one identity that the app acts as: in storage, in Key Vault, in Application Insights, in Microsoft Graph and in Exchange.

@description('Region of the identity.')
param location string

@description('Name of the identity.')
param name string

@description('Tags of the identity.')
param tags object

resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2023-01-31' = {
  name: name
  location: location
  tags: tags
}

@description('Resource id, for the function app.')
output id string = identity.id

@description('Object id, for role assignments, the directory right and Exchange.')
output principalId string = identity.properties.principalId

@description('Application id, for settings and Exchange.')
output clientId string = identity.properties.clientId
