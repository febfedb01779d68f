// The alerts. Each query gives a row only when something is wrong; each rule fires on any row; each has a section in docs/operations.md.

@description('Region of the rules.')
param location string

@description('Tags of the rules.')
param tags object

@description('Workspace that the queries run on.')
param workspaceId string

@description('Action group that is told.')
param actionGroupId string

@description('Days without a single new item before the feed counts as silent.')
param feedSilentDays int

@description('Age in days from which a parked item waits too long.')
param parkedMaxAgeDays int

@description('Share of failed items, in percent, that is too many.')
param failurePercent int

// `window` is what a query sees: Azure Monitor gives no query more than two days.
var rules = [
  {
    name: 'no-complete-run'
    title: 'No complete run in 26 hours'
    severity: 1
    every: 'PT1H'
    window: 'P2D'
    query: loadTextContent('../queries/alerts/no-complete-run.kql')
  }
  {
    name: 'feed-silent'
    title: 'TeleMessage has had no new items for ${feedSilentDays} days'
    severity: 2
    every: 'PT1H'
    window: 'P2D'
    query: 'let silentDays = ${feedSilentDays};\n${loadTextContent('../queries/alerts/feed-silent.kql')}'
  }
  {
    name: 'items-parked'
    title: 'Items are parked'
    severity: 3
    every: 'PT30M'
    window: 'PT1H'
    query: loadTextContent('../queries/alerts/items-parked.kql')
  }
  {
    name: 'parked-too-long'
    title: 'An item has been parked for more than ${parkedMaxAgeDays} days'
    severity: 2
    every: 'PT1H'
    window: 'PT1H'
    query: 'let parkedMaxAgeDays = ${parkedMaxAgeDays};\n${loadTextContent('../queries/alerts/parked-too-long.kql')}'
  }
  {
    name: 'failure-share'
    title: 'More than ${failurePercent} % of the items fail'
    severity: 2
    every: 'PT1H'
    window: 'P1D'
    query: 'let failurePercent = ${failurePercent};\n${loadTextContent('../queries/alerts/failure-share.kql')}'
  }
  {
    name: 'sign-in-refused'
    title: 'TeleMessage refuses the sign-in'
    severity: 1
    every: 'PT15M'
    window: 'PT1H'
    query: loadTextContent('../queries/alerts/sign-in-refused.kql')
  }
  {
    name: 'throttled'
    title: 'Microsoft Graph has throttled for more than an hour'
    severity: 3
    every: 'PT30M'
    window: 'PT2H'
    query: loadTextContent('../queries/alerts/throttled.kql')
  }
  {
    name: 'reconciliation-loss'
    title: 'Reconciliation found a loss'
    severity: 0
    every: 'PT30M'
    window: 'P1D'
    query: loadTextContent('../queries/alerts/reconciliation-loss.kql')
  }
  {
    name: 'audit-broken'
    title: 'The audit log was changed'
    severity: 0
    every: 'PT30M'
    window: 'P1D'
    query: loadTextContent('../queries/alerts/audit-broken.kql')
  }
]

resource alerts 'Microsoft.Insights/scheduledQueryRules@2023-12-01' = [
  for rule in rules: {
    name: 'archiver-${rule.name}'
    location: location
    tags: tags
    kind: 'LogAlert'
    properties: {
      displayName: 'Archiver: ${rule.title}'
      description: 'What it means and what to do: docs/operations.md#${rule.name}'
      severity: rule.severity
      enabled: true
      scopes: [
        workspaceId
      ]
      evaluationFrequency: rule.every
      windowSize: rule.window
      autoMitigate: true
      // A new workspace does not know the tables yet. The queries are parsed in the tests instead.
      skipQueryValidation: true
      criteria: {
        allOf: [
          {
            query: rule.query
            timeAggregation: 'Count'
            operator: 'GreaterThan'
            threshold: 0
            failingPeriods: {
              numberOfEvaluationPeriods: 1
              minFailingPeriodsToAlert: 1
            }
          }
        ]
      }
      actions: {
        actionGroups: [
          actionGroupId
        ]
      }
    }
  }
]
