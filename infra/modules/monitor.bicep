// Where telemetry goes: a Log Analytics workspace, Application Insights on it, and the people who are told.

@description('Region of the workspace.')
param location string

@description('Name of the workspace.')
param workspaceName string

@description('Name of the Application Insights component.')
param insightsName string

@description('Name of the action group.')
param actionGroupName string

@description('Tags of every part.')
param tags object

@description('Days that telemetry and logs are kept.')
param retentionDays int

@description('Addresses that get the alerts by e-mail.')
param alertEmails array

resource workspace 'Microsoft.OperationalInsights/workspaces@2023-09-01' = {
  name: workspaceName
  location: location
  tags: tags
  properties: {
    sku: {
      name: 'PerGB2018'
    }
    retentionInDays: retentionDays
    features: {
      disableLocalAuth: true
      enableLogAccessUsingOnlyResourcePermissions: true
    }
  }
}

resource insights 'Microsoft.Insights/components@2020-02-02' = {
  name: insightsName
  location: location
  tags: tags
  kind: 'web'
  properties: {
    Application_Type: 'web'
    WorkspaceResourceId: workspace.id
    IngestionMode: 'LogAnalytics'
    DisableLocalAuth: true
    // Alerts read metrics, which are never sampled; this keeps the service from dropping the rest as well.
    SamplingPercentage: 100
  }
}

resource people 'Microsoft.Insights/actionGroups@2023-01-01' = {
  name: actionGroupName
  location: 'global'
  tags: tags
  properties: {
    groupShortName: 'archiver'
    enabled: true
    emailReceivers: [
      for (address, index) in alertEmails: {
        name: 'person-${index + 1}'
        emailAddress: address
        useCommonAlertSchema: true
      }
    ]
  }
}

@description('Resource id of the workspace.')
output workspaceId string = workspace.id

@description('Where the app sends its telemetry; not a secret, as local authentication is off.')
output connectionString string = insights.properties.ConnectionString

@description('Resource id of the action group.')
output actionGroupId string = people.id
