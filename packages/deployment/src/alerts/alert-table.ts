import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import { virtualNodeName } from '../manifests/virtual-node-values.ts';

/** A page wakes somebody up; a ticket is for the next working day. */
export type AlertSeverity = 'page' | 'ticket';

/** A condition in the language of Prometheus. */
export interface PrometheusCondition {
  readonly expr: string;
  /** How long it has to hold: `10m`. At once when missing. */
  readonly for?: string;
}

/** A condition on a metric that Azure keeps of a resource. */
export interface AzureMetricCondition {
  readonly resource: 'nat' | 'vault';
  readonly metric: string;
  readonly dimension?: { readonly name: string; readonly value: string };
  readonly aggregation: 'Total' | 'Average' | 'Maximum' | 'Count';
  readonly threshold: number;
}

/** A query of a Log Analytics workspace; each row is an alert. */
export interface AzureQueryCondition {
  readonly query: string;
  readonly window: '15m' | '1h' | '1d';
  /** The query reads Azure Resource Graph, with an identity of its own. */
  readonly resourceGraph?: true;
}

/** One thing that somebody must hear of. The table is the only place where alerts stand. */
export interface AlertRule {
  readonly name: string;
  readonly severity: AlertSeverity;
  readonly summary: string;
  /** What to do. */
  readonly action: string;
  readonly prometheus?: PrometheusCondition;
  readonly azureMetric?: AzureMetricCondition;
  readonly azureQuery?: AzureQueryCondition;
}

/** Metrics of other programs that the rules use, with the program that has them. Everything else is the operator's own. */
export const foreignMetrics: Readonly<Record<string, string>> = {
  probe_success: 'blackbox exporter',
  kube_node_info: 'kube-state-metrics',
  kube_node_status_condition: 'kube-state-metrics',
  kube_pod_container_status_last_terminated_exitcode: 'kube-state-metrics',
  kube_pod_container_status_last_terminated_reason: 'kube-state-metrics',
  kube_pod_container_status_restarts_total: 'kube-state-metrics',
  kube_pod_info: 'kube-state-metrics',
};

/** Ports that one public address gives to a NAT gateway. */
const SNAT_PORTS = 64_512;
const COUNTDOWN = 'min by (instance, cause) (uid2_operator_shutdown_seconds_left)';
/** The limit of every countdown in its default setting. */
const LIMIT_HOURS = 12;

/** Everything to be told of, for one deployment. */
export function alertTable(config: Uid2Vn2Config): readonly AlertRule[] {
  return [...reachability(config), ...attestation(config), ...data(), ...virtualNodes(config), ...surroundings(config)];
}

function reachability({ operator }: Uid2Vn2Config): readonly AlertRule[] {
  const container = `namespace="${operator.namespace}",container="uid2-operator"`;
  const ready = '(sum(uid2_operator_ready) or vector(0))';
  const spare: readonly AlertRule[] =
    operator.environment === 'prod' && operator.replicas > 1
      ? [
          {
            name: 'OperatorRedundancyLost',
            severity: 'page',
            summary: 'Fewer than two operators serve in production',
            action: 'Look at the pods that are not ready before the last one goes.',
            prometheus: { expr: `${ready} < 2`, for: '1m' },
          },
        ]
      : [];
  return [
    {
      name: 'OperatorProbeFailing',
      severity: 'page',
      summary: 'The health check is not answered with 200 OK from any of the places that probe it',
      action: 'Compare with OperatorReplicasMissing: if the pods are ready, the way to them is closed.',
      prometheus: { expr: 'max by (instance) (probe_success{job="uid2-operator"}) == 0', for: '90s' },
    },
    {
      name: 'OperatorReplicasMissing',
      severity: 'page',
      summary: `Fewer than ${operator.replicas} operators serve`,
      action: 'kubectl describe the pod that is not ready: its events and its last exit code name the cause.',
      prometheus: { expr: `${ready} < ${operator.replicas}`, for: '10m' },
    },
    ...spare,
    {
      name: 'OperatorRestarts',
      severity: 'page',
      summary: 'An operator was restarted more than three times within 15 minutes',
      action: 'The exit code under Last State names the cause; most come back at every restart until somebody acts.',
      prometheus: { expr: `increase(kube_pod_container_status_restarts_total{${container}}[15m]) > 3` },
      azureQuery: {
        window: '15m',
        query: [
          'KubePodInventory',
          `| where Namespace == "${operator.namespace}" and ContainerName endswith "/uid2-operator"`,
          '| summarize restarts = max(ContainerRestartCount) - min(ContainerRestartCount) by Name',
          '| where restarts > 3',
        ].join('\n'),
      },
    },
    {
      name: 'OperatorErrors',
      severity: 'page',
      summary: 'More than one in a hundred answers of an operator is a server error',
      action: 'Read its log; /ops/status on the metrics port shows which component is not healthy.',
      prometheus: {
        expr: 'sum by (instance) (rate(uid2_http_requests_total{status=~"5.."}[5m])) > 0.01 * sum by (instance) (rate(uid2_http_requests_total[5m]))',
        for: '5m',
      },
    },
  ];
}

function attestation({ operator }: Uid2Vn2Config): readonly AlertRule[] {
  const container = `namespace="${operator.namespace}",container="uid2-operator"`;
  const left = (name: string, hours: number, summary: string): AlertRule => ({
    name,
    severity: 'page',
    summary,
    action: 'The label cause says why. Do not restart an operator that counts down while Core cannot be reached.',
    prometheus: { expr: `${COUNTDOWN} < ${hours} * 3600` },
  });
  return [
    {
      name: 'OperatorNotAttested',
      severity: 'page',
      summary: 'An operator has no valid attestation token',
      action: 'Its log holds the answer of Core; the runbook lists the answers. Tell your UID2 contact.',
      prometheus: { expr: 'uid2_operator_attested == 0', for: '10m' },
    },
    {
      name: 'OperatorAttestationNotRenewed',
      severity: 'ticket',
      summary: 'The attestation token of an operator ends soon and was not renewed',
      action: 'It is renewed 600 seconds before it ends and tried every minute: read the log for the reason.',
      prometheus: { expr: 'uid2_operator_attestation_expiry_timestamp_seconds - time() < 240' },
    },
    left('OperatorCountsDown', LIMIT_HOURS - 1, 'An operator has been counting down to its end for an hour'),
    left('OperatorEndsInSixHours', 6, 'An operator ends itself within six hours'),
    left('OperatorEndsInOneHour', 1, 'An operator ends itself within an hour'),
    {
      name: 'OperatorAttestationRefused',
      severity: 'page',
      summary: 'Core refused an operator, which ended at once',
      action: 'The key was revoked or is wrong, or the release is not registered (any more): ask your UID2 contact.',
      prometheus: {
        // The published operator ends with 0 then; that of this repository with 40.
        expr: `(kube_pod_container_status_last_terminated_exitcode{${container}} == 40 or kube_pod_container_status_last_terminated_reason{${container},reason="Completed"} == 1) and on (namespace, pod, container) increase(kube_pod_container_status_restarts_total{${container}}[15m]) > 0`,
      },
    },
  ];
}

function data(): readonly AlertRule[] {
  return [
    {
      name: 'OptOutListOld',
      severity: 'ticket',
      summary: 'The opt-out list of an operator is more than an hour old',
      action: 'optOut.lastError in /ops/status names the reason. The gate closes after twelve hours.',
      prometheus: { expr: 'uid2_optout_list_age_seconds > 3600' },
    },
    {
      name: 'OptOutGateClosed',
      severity: 'page',
      summary: 'An operator refuses requests because its opt-out list is too old',
      action: 'Restore the way to Opt-Out and its storage; the operator recovers by itself.',
      prometheus: { expr: 'uid2_optout_list_stale == 1' },
    },
    {
      name: 'SaltsExpireSoon',
      severity: 'ticket',
      summary: 'The salts in use expire within a day',
      action: 'Ask your UID2 contact for current salts.',
      prometheus: { expr: 'uid2_second_level_salt_expiry_timestamp_seconds - time() < 24 * 3600' },
    },
    {
      name: 'StoreNotRefreshing',
      severity: 'ticket',
      summary: 'A store of an operator has failed to refresh thirty times in a row',
      action: 'Check the firewall for the storage of UID2; the store has twelve hours.',
      prometheus: { expr: 'uid2_config_store_consecutive_refresh_failures > 30' },
    },
    {
      name: 'NoActiveKey',
      severity: 'page',
      summary: 'An operator has no active key for a site, and its clients get errors',
      action: 'Ask your UID2 contact.',
      prometheus: {
        expr: 'increase(uid2_token_response_status_count_total{token_response_status="NoActiveKey"}[10m]) > 0',
      },
    },
  ];
}

function virtualNodes({ virtualNode, operator }: Uid2Vn2Config): readonly AlertRule[] {
  const name = virtualNodeName(virtualNode.releaseName);
  const nodes = `node=~"${name}-[0-9]+"`;
  return [
    {
      name: 'VirtualNodeNotReady',
      severity: 'page',
      summary: 'A virtual node has not been ready for five minutes',
      action: `Restart its pod in the namespace ${virtualNode.namespace}; the operator pods go on running meanwhile.`,
      prometheus: {
        expr: `kube_node_status_condition{condition="Ready",status="true",${nodes}} == 0`,
        for: '5m',
      },
      azureQuery: {
        window: '15m',
        query: [
          'KubeNodeInventory',
          `| where Computer startswith "${name}-"`,
          '| summarize arg_max(TimeGenerated, Status) by Computer',
          '| where Status !has "Ready" or Status has "NotReady"',
        ].join('\n'),
      },
    },
    {
      name: 'VirtualNodeOrphaned',
      severity: 'ticket',
      summary: 'A virtual node has no pod that serves it',
      action: 'kubectl delete node NAME.',
      prometheus: {
        expr: `kube_node_info{${nodes}} unless on (node) label_replace(kube_pod_info{namespace="${virtualNode.namespace}"}, "node", "$1", "pod", "(.*)")`,
        for: '10m',
      },
    },
    {
      name: 'ContainerGroupsLeftOver',
      severity: 'ticket',
      summary: 'There are more confidential container groups than operator pods',
      action: 'Compare the groups in the group of the nodes with the pods, and delete what belongs to none.',
      azureQuery: {
        window: '15m',
        resourceGraph: true,
        query: [
          `let pods = toscalar(KubePodInventory | where Namespace == "${operator.namespace}" and Name startswith "operator-"`,
          '  | where PodStatus == "Running" | summarize dcount(Name));',
          'arg("").resources',
          '| where type =~ "microsoft.containerinstance/containergroups" and resourceGroup =~ "{nodeGroup}"',
          '| summarize groups = count()',
          '| where groups > pods',
        ].join('\n'),
      },
    },
  ];
}

function surroundings({ vault }: Uid2Vn2Config): readonly AlertRule[] {
  return [
    {
      name: 'NatConnectionsFailing',
      severity: 'ticket',
      summary: 'The NAT gateway cannot open connections',
      action: 'Add a public address to it.',
      azureMetric: {
        resource: 'nat',
        metric: 'SNATConnectionCount',
        dimension: { name: 'ConnectionState', value: 'Failed' },
        aggregation: 'Total',
        threshold: 0,
      },
    },
    {
      name: 'NatPortsScarce',
      severity: 'ticket',
      summary: 'More than four fifths of the ports of the NAT gateway are in use',
      action: 'Add a public address to it.',
      azureMetric: {
        resource: 'nat',
        metric: 'TotalConnectionCount',
        aggregation: 'Total',
        threshold: Math.floor(SNAT_PORTS * 0.8),
      },
    },
    {
      name: 'VaultRefuses',
      severity: 'ticket',
      summary: 'The vault refuses somebody who asks for the operator key',
      action: 'Check the role of the identity of the operator; a new one can take minutes to work.',
      azureMetric: {
        resource: 'vault',
        metric: 'ServiceApiResult',
        dimension: { name: 'StatusCode', value: '403' },
        aggregation: 'Count',
        threshold: 0,
      },
    },
    {
      name: 'OperatorKeyExpires',
      severity: 'ticket',
      summary: 'The secret with the operator key expires within 30 days, or has expired',
      action: 'Rotate the key.',
      azureQuery: {
        window: '1d',
        query: [
          'AzureDiagnostics',
          `| where ResourceProvider == "MICROSOFT.KEYVAULT" and Resource =~ "${vault.name}"`,
          '| where OperationName in ("SecretNearExpiryEventGridNotification", "SecretExpiredEventGridNotification")',
          `| where column_ifexists("eventGridEventProperties_subject_s", "") in~ ("${vault.secretName}", "")`,
        ].join('\n'),
      },
    },
  ];
}
