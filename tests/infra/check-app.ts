/**
 * The security properties of the app, its telemetry and its logs.
 *
 * @module
 */
import type { Deployment } from './bicep.ts';
import { alertRules, appSettings, at, lastName, listAt, ofType } from './read-resources.ts';
import { difference, expectValues, type SecurityCheck } from './security-check.ts';

const apps = (deployment: Deployment) => ofType(deployment, 'Microsoft.Web/sites');
const signIn = (deployment: Deployment) =>
  ofType(deployment, 'Microsoft.Web/sites/config').filter((config) => lastName(config) === 'authsettingsV2');

/** Of every deployment. */
export const appChecks: readonly SecurityCheck[] = [
  {
    name: 'nobody calls the app without signing in',
    findings: (deployment) => [
      ...expectValues(signIn(deployment), {
        'properties.platform.enabled': true,
        'properties.globalValidation.requireAuthentication': true,
        'properties.globalValidation.unauthenticatedClientAction': 'Return401',
        'properties.globalValidation.excludedPaths': undefined,
        'properties.httpSettings.requireHttps': true,
        'properties.login.tokenStore.enabled': false,
      }),
      ...signIn(deployment).flatMap((config) => {
        const entra = at(config, 'properties.identityProviders.azureActiveDirectory');
        const clients = listAt(entra, 'validation.defaultAuthorizationPolicy.allowedApplications');
        const issuer = String(at(entra, 'registration.openIdIssuer'));
        return [
          ...(issuer.includes('22222222-2222-2222-2222-222222222222') ? [] : ['people of another tenant can sign in']),
          ...(clients.length > 0 ? [] : ['any application may bring a token']),
          ...Object.keys(at(config, 'properties.identityProviders') ?? {})
            .filter((provider) => provider !== 'azureActiveDirectory')
            .map((provider) => `${provider} can sign people in`),
        ];
      }),
    ],
  },
  {
    name: 'the app speaks https only and is not published with a password',
    findings: (deployment) => [
      ...expectValues(apps(deployment), {
        'properties.httpsOnly': true,
        'properties.siteConfig.minTlsVersion': '1.2',
        'properties.siteConfig.scmMinTlsVersion': '1.2',
      }),
      ...expectValues(ofType(deployment, 'Microsoft.Web/sites/basicPublishingCredentialsPolicies'), { 'properties.allow': false }),
      ...difference(ofType(deployment, 'Microsoft.Web/sites/basicPublishingCredentialsPolicies').map(lastName), ['scm', 'ftp']),
    ],
  },
  {
    name: 'telemetry takes no key, and none of it is sampled away',
    findings: (deployment) => [
      ...expectValues(ofType(deployment, 'Microsoft.OperationalInsights/workspaces'), { 'properties.features.disableLocalAuth': true }),
      ...expectValues(ofType(deployment, 'Microsoft.Insights/components'), {
        'properties.DisableLocalAuth': true,
        'properties.SamplingPercentage': 100,
      }),
      ...(appSettings(deployment)['APPLICATIONINSIGHTS_AUTHENTICATION_STRING']?.includes('Authorization=AAD') === true
        ? []
        : ['the app does not sign in to Application Insights']),
    ],
  },
  {
    name: 'alerts read metrics, which are never sampled',
    findings: (deployment) =>
      alertRules(deployment)
        .filter(({ query }) => !/^AppMetrics$/m.test(query) || /\bApp(?!Metrics)[A-Z]\w+/.test(query))
        .map(({ name }) => `${name} reads another table than AppMetrics`),
  },
  {
    name: 'what happens to evidence and secrets is logged',
    findings: (deployment) => {
      const logged = ofType(deployment, 'Microsoft.Insights/diagnosticSettings').flatMap((setting) =>
        listAt(setting, 'properties.logs')
          .filter((log) => at(log, 'enabled') === true)
          .map((log) => `${setting.id.split('/').at(-6)}: ${String(at(log, 'category'))}`),
      );
      return [
        'blobServices: StorageDelete',
        'queueServices: StorageDelete',
        'tableServices: StorageDelete',
        'vaults: AuditEvent',
        'sites: FunctionAppLogs',
      ]
        .filter((expected) => !logged.includes(expected))
        .map((missing) => `not logged: ${missing}`);
    },
  },
];
