// Entra sign-in in front of every HTTP function. Without an application nobody gets in.

@description('Name of the function app.')
param appName string

@description('Application id that infra/register-sign-in.sh prints; empty refuses every request.')
param clientId string

@description('Applications that may ask for tokens on a user\'s behalf.')
param allowedClients array

resource app 'Microsoft.Web/sites@2024-04-01' existing = {
  name: appName

  resource signIn 'config' = {
    name: 'authsettingsV2'
    properties: {
      platform: {
        enabled: true
        runtimeVersion: '~1'
      }
      globalValidation: {
        requireAuthentication: true
        // 401 and no redirect: these are calls of a command line, which brings its token.
        unauthenticatedClientAction: 'Return401'
      }
      httpSettings: {
        requireHttps: true
      }
      identityProviders: {
        azureActiveDirectory: {
          enabled: !empty(clientId)
          registration: {
            clientId: clientId
            openIdIssuer: '${environment().authentication.loginEndpoint}${tenant().tenantId}/v2.0'
          }
          validation: {
            allowedAudiences: [
              clientId
              'api://${clientId}'
            ]
            defaultAuthorizationPolicy: {
              allowedApplications: allowedClients
            }
          }
        }
      }
      login: {
        tokenStore: {
          enabled: false
        }
      }
    }
  }
}
