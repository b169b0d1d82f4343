import type { JsonValue } from '../arm/template.ts';
import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import { defaultNodeGroup } from '../graph/ids.ts';
import type { AlertRule, AzureMetricCondition } from './alert-table.ts';

type JsonObject = Readonly<Record<string, JsonValue>>;

const SCHEMA = 'https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#';
const severities = { page: 1, ticket: 3 } as const;
const periods = { '15m': 'PT15M', '1h': 'PT1H', '1d': 'P1D' } as const;
/** Places from which the service is probed; two that fail are an outage. */
const places = ['us-va-ash-azr', 'us-ca-sjc-azr', 'us-il-ch1-azr', 'us-tx-sn1-azr'] as const;

const parameter = (name: string): string => `[parameters('${name}')]`;

const parameters: Readonly<Record<string, { readonly description: string; readonly defaultValue?: string }>> = {
  location: { description: 'Region of the alerts', defaultValue: '[resourceGroup().location]' },
  pageActionGroupId: { description: 'Action group that wakes somebody up' },
  ticketActionGroupId: { description: 'Action group that opens tickets' },
  monitorWorkspaceId: { description: 'Azure Monitor workspace with the metrics of the cluster (managed Prometheus)' },
  logWorkspaceId: { description: 'Log Analytics workspace with Container Insights and the log of the vault' },
  applicationInsightsId: { description: 'Application Insights component of the availability test' },
  operatorUrl: { description: 'Address of the operator, such as https://operator.example' },
};

/** The alerts of the table as a template for the resource group of the deployment. Same input, same bytes. */
export function azureAlertTemplate(config: Uid2Vn2Config, table: readonly AlertRule[]): JsonObject {
  return {
    $schema: SCHEMA,
    contentVersion: '1.0.0.0',
    metadata: { description: 'Alerts of the UID2 operator' },
    parameters: Object.fromEntries(
      Object.entries(parameters).map(([name, { description, defaultValue }]) => [
        name,
        { type: 'string', ...(defaultValue === undefined ? {} : { defaultValue }), metadata: { description } },
      ]),
    ),
    resources: [
      ruleGroup(config, table),
      ...table.flatMap((rule) => (rule.azureMetric === undefined ? [] : [metricAlert(config, rule, rule.azureMetric)])),
      ...table.flatMap((rule) => queryAlerts(config, rule)),
      ...availability(config),
    ],
  };
}

const resourceName = (config: Uid2Vn2Config, name: string): string => `uid2-${config.operator.environment}-${name}`;

const actionGroup = ({ severity }: Pick<AlertRule, 'severity'>): string => parameter(`${severity}ActionGroupId`);

/** All conditions in the language of Prometheus, judged by Azure itself. */
function ruleGroup(config: Uid2Vn2Config, table: readonly AlertRule[]): JsonObject {
  return {
    type: 'Microsoft.AlertsManagement/prometheusRuleGroups',
    apiVersion: '2023-03-01',
    name: resourceName(config, 'operator'),
    location: parameter('location'),
    properties: {
      description: 'Alerts of the UID2 operator',
      scopes: [parameter('monitorWorkspaceId')],
      clusterName: config.aks.name,
      interval: 'PT1M',
      enabled: true,
      rules: table.flatMap((rule): JsonObject[] =>
        rule.prometheus === undefined
          ? []
          : [
              {
                alert: rule.name,
                expression: rule.prometheus.expr,
                ...(rule.prometheus.for === undefined ? {} : { for: isoDuration(rule.prometheus.for) }),
                severity: severities[rule.severity],
                enabled: true,
                labels: { severity: rule.severity },
                annotations: { summary: rule.summary, action: rule.action },
                actions: [{ actionGroupId: actionGroup(rule) }],
              },
            ],
      ),
    },
  };
}

/** `90s` and `10m` as ISO 8601 has them. */
function isoDuration(text: string): string {
  const [, count = '', unit = ''] = /^(\d+)([smh])$/.exec(text) ?? [];
  return `PT${count}${unit.toUpperCase()}`;
}

function metricAlert(config: Uid2Vn2Config, rule: AlertRule, condition: AzureMetricCondition): JsonObject {
  const { resource, metric, dimension, aggregation, threshold } = condition;
  const [type, name] = {
    nat: ['Microsoft.Network/natGateways', config.network.nat.name] as const,
    vault: ['Microsoft.KeyVault/vaults', config.vault.name] as const,
  }[resource];
  return {
    type: 'Microsoft.Insights/metricAlerts',
    apiVersion: '2018-03-01',
    name: resourceName(config, rule.name),
    location: 'global',
    properties: {
      description: `${rule.summary}. ${rule.action}`,
      severity: severities[rule.severity],
      enabled: true,
      scopes: [`[resourceId('${type}', '${name}')]`],
      evaluationFrequency: 'PT5M',
      windowSize: 'PT15M',
      criteria: {
        'odata.type': 'Microsoft.Azure.Monitor.SingleResourceMultipleMetricCriteria',
        allOf: [
          {
            criterionType: 'StaticThresholdCriterion',
            name: 'condition',
            metricNamespace: type,
            metricName: metric,
            ...(dimension === undefined
              ? {}
              : { dimensions: [{ name: dimension.name, operator: 'Include', values: [dimension.value] }] }),
            operator: 'GreaterThan',
            threshold,
            timeAggregation: aggregation,
          },
        ],
      },
      actions: [{ actionGroupId: actionGroup(rule) }],
    },
  };
}

function queryAlerts(config: Uid2Vn2Config, rule: AlertRule): readonly JsonObject[] {
  const { azureQuery } = rule;
  if (azureQuery === undefined) return [];
  const { resourceGroup, aks, location } = config;
  const nodeGroup = aks.nodeResourceGroup ?? defaultNodeGroup(resourceGroup.name, aks.name, location);
  return [
    {
      type: 'Microsoft.Insights/scheduledQueryRules',
      apiVersion: '2023-12-01',
      name: resourceName(config, rule.name),
      location: parameter('location'),
      // Reading Azure Resource Graph takes the role Reader on the group of the nodes.
      ...(azureQuery.resourceGraph === true ? { identity: { type: 'SystemAssigned' } } : {}),
      properties: {
        displayName: rule.name,
        description: `${rule.summary}. ${rule.action}`,
        severity: severities[rule.severity],
        enabled: true,
        scopes: [parameter('logWorkspaceId')],
        evaluationFrequency: azureQuery.window === '1d' ? 'PT1H' : 'PT5M',
        windowSize: periods[azureQuery.window],
        criteria: {
          allOf: [
            {
              query: azureQuery.query.replaceAll('{nodeGroup}', nodeGroup),
              timeAggregation: 'Count',
              operator: 'GreaterThan',
              threshold: 0,
              failingPeriods: { numberOfEvaluationPeriods: 1, minFailingPeriodsToAlert: 1 },
            },
          ],
        },
        autoMitigate: true,
        actions: { actionGroups: [actionGroup(rule)] },
      },
    },
  ];
}

/** The health check from outside, every five minutes, which is the shortest time that availability tests have. */
function availability(config: Uid2Vn2Config): readonly JsonObject[] {
  const name = resourceName(config, 'health');
  const testId = `[resourceId('Microsoft.Insights/webtests', '${name}')]`;
  return [
    {
      type: 'Microsoft.Insights/webtests',
      apiVersion: '2022-06-15',
      name,
      location: parameter('location'),
      kind: 'standard',
      tags: "[createObject(concat('hidden-link:', parameters('applicationInsightsId')), 'Resource')]",
      properties: {
        SyntheticMonitorId: name,
        Name: name,
        Enabled: true,
        Frequency: 300,
        Timeout: 30,
        Kind: 'standard',
        RetryEnabled: true,
        Locations: places.map((id) => ({ Id: id })),
        Request: {
          RequestUrl: "[concat(parameters('operatorUrl'), '/ops/healthcheck')]",
          HttpVerb: 'GET',
          ParseDependentRequests: false,
          FollowRedirects: false,
        },
        ValidationRules: {
          ExpectedHttpStatusCode: 200,
          ContentValidation: { ContentMatch: 'OK', IgnoreCase: false, PassIfTextFound: true },
        },
      },
    },
    {
      type: 'Microsoft.Insights/metricAlerts',
      apiVersion: '2018-03-01',
      name,
      location: 'global',
      dependsOn: [testId],
      properties: {
        description: 'The health check is not answered with 200 OK from two places or more',
        severity: severities.page,
        enabled: true,
        scopes: [testId, parameter('applicationInsightsId')],
        evaluationFrequency: 'PT1M',
        windowSize: 'PT5M',
        criteria: {
          'odata.type': 'Microsoft.Azure.Monitor.WebtestLocationAvailabilityCriteria',
          webTestId: testId,
          componentId: parameter('applicationInsightsId'),
          failedLocationCount: 2,
        },
        actions: [{ actionGroupId: actionGroup({ severity: 'page' }) }],
      },
    },
  ];
}
