import type { Uid2Vn2Config } from '../config/uid2-vn2.ts';
import type { KubernetesObject } from '../manifests/object.ts';
import type { AlertRule } from './alert-table.ts';
import { ruleGroups } from './prometheus-rules.ts';

const API = 'monitoring.coreos.com/v1';
/** Where a release of the Prometheus operator looks when nobody says otherwise. */
const labels = { 'app.kubernetes.io/part-of': 'uid2-operator' } as const;

/** Objects for the Prometheus operator: the metrics of every slot, the probe of the Service from outside, and the rules. */
export function monitoringObjects(config: Uid2Vn2Config, table: readonly AlertRule[]): readonly KubernetesObject[] {
  const { namespace } = config.operator;
  return [
    {
      apiVersion: API,
      kind: 'PodMonitor',
      metadata: { name: 'uid2-operator', namespace, labels },
      spec: {
        selector: { matchLabels: { 'app.kubernetes.io/name': 'uid2-operator' } },
        podMetricsEndpoints: [{ port: 'prometheus', path: '/metrics', interval: '30s' }],
      },
    },
    {
      apiVersion: API,
      kind: 'Probe',
      metadata: { name: 'uid2-operator', namespace, labels },
      spec: {
        jobName: 'uid2-operator',
        interval: '30s',
        scrapeTimeout: '10s',
        module: 'uid2_operator_health',
        prober: { url: 'blackbox-exporter.monitoring.svc:9115' },
        targets: { staticConfig: { static: ['http://OPERATOR_ADDRESS/ops/healthcheck'] } },
      },
    },
    {
      apiVersion: API,
      kind: 'PrometheusRule',
      metadata: { name: 'uid2-operator', namespace, labels },
      spec: ruleGroups(table),
    },
  ];
}

/** The module of the blackbox exporter that judges the health check: 200, and `OK` as the whole body. */
export const blackboxModule = {
  modules: {
    uid2_operator_health: {
      prober: 'http',
      timeout: '5s',
      http: {
        method: 'GET',
        valid_status_codes: [200],
        follow_redirects: false,
        fail_if_body_not_matches_regexp: ['^OK$'],
      },
    },
  },
} as const;
