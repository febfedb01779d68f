// The workbook that an administrator opens to see how the archive does.

@description('Region of the workbook.')
param location string

@description('Tags of the workbook.')
param tags object

@description('Workspace that the queries run on.')
param workspaceId string

var charts = [
  {
    name: 'runs'
    title: 'Runs over time'
    visualization: 'table'
    query: loadTextContent('../queries/workbook/runs.kql')
  }
  {
    name: 'outcomes'
    title: 'Outcome by day'
    visualization: 'categoricalbar'
    query: loadTextContent('../queries/workbook/outcomes.kql')
  }
  {
    name: 'failures'
    title: 'Failures by reason'
    visualization: 'piechart'
    query: loadTextContent('../queries/workbook/failures.kql')
  }
  {
    name: 'parked'
    title: 'Parked items by queue'
    visualization: 'timechart'
    query: loadTextContent('../queries/workbook/parked.kql')
  }
  {
    name: 'throughput'
    title: 'Deliveries imported in each minute'
    visualization: 'timechart'
    query: loadTextContent('../queries/workbook/throughput.kql')
  }
  {
    name: 'throttling'
    title: 'Refusals of Microsoft Graph (429) in each hour'
    visualization: 'timechart'
    query: loadTextContent('../queries/workbook/throttling.kql')
  }
  {
    name: 'source'
    title: 'Latency of TeleMessage, in milliseconds'
    visualization: 'timechart'
    query: loadTextContent('../queries/workbook/source.kql')
  }
]

var timeRange = {
  type: 9
  name: 'parameters'
  content: {
    version: 'KqlParameterItem/1.0'
    style: 'pills'
    parameters: [
      {
        version: 'KqlParameterItem/1.0'
        name: 'TimeRange'
        label: 'Time range'
        type: 4
        isRequired: true
        value: {
          durationMs: 604800000
        }
        typeSettings: {
          allowCustom: true
          selectableValues: [
            {
              durationMs: 86400000
            }
            {
              durationMs: 604800000
            }
            {
              durationMs: 2592000000
            }
          ]
        }
      }
    ]
  }
}

var chartItems = [
  for chart in charts: {
    type: 3
    name: chart.name
    content: {
      version: 'KqlItem/1.0'
      title: chart.title
      query: chart.query
      size: 0
      queryType: 0
      resourceType: 'microsoft.operationalinsights/workspaces'
      visualization: chart.visualization
      timeContextFromParameter: 'TimeRange'
    }
  }
]

resource workbook 'Microsoft.Insights/workbooks@2023-06-01' = {
  name: guid(resourceGroup().id, 'archiver workbook')
  location: location
  tags: tags
  kind: 'shared'
  properties: {
    displayName: 'Enterprise Number Archiver'
    category: 'workbook'
    sourceId: workspaceId
    serializedData: string({
      version: 'Notebook/1.0'
      items: concat([timeRange], chartItems)
      fallbackResourceIds: [
        workspaceId
      ]
    })
  }
}
