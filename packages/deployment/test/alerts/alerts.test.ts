import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';

import { foreignMetrics } from '../../src/alerts/alert-table.ts';
import { metricsIn } from '../../src/alerts/prometheus-rules.ts';
import { alertFiles, alertTable } from '../../src/index.ts';
import { configOf } from '../configs.ts';

const config = configOf('uid2-vn2');
const repository = fileURLToPath(new URL('../../../..', import.meta.url));

/** What Prometheus takes in a file of rules. */
const duration = z.string().regex(/^(\d+(ms|s|m|h|d))+$/);
const ruleFile = z.strictObject({
  groups: z.array(
    z.strictObject({
      name: z.string().min(1),
      interval: duration.optional(),
      rules: z.array(
        z.strictObject({
          alert: z.string().regex(/^[A-Za-z_]\w*$/),
          expr: z.string().min(1),
          for: duration.optional(),
          labels: z.strictObject({ severity: z.enum(['page', 'ticket']) }),
          annotations: z.strictObject({ summary: z.string().min(1), action: z.string().regex(/\.$/) }),
        }),
      ),
    }),
  ),
});

function file(name: string, of = config): string {
  return alertFiles(of).get(name) ?? '';
}

/** Brackets of an expression match, outside of texts. */
function balanced(expr: string): boolean {
  const stack: string[] = [];
  const closes: Readonly<Record<string, string>> = { ')': '(', ']': '[', '}': '{' };
  for (const character of expr.replaceAll(/"(?:[^"\\]|\\.)*"/g, '')) {
    if ('([{'.includes(character)) stack.push(character);
    if (character in closes && stack.pop() !== closes[character]) return false;
  }
  return stack.length === 0;
}

async function documented(): Promise<ReadonlySet<string>> {
  const page = await readFile(`${repository}docs/reference/metrics.md`, 'utf8');
  return new Set([...page.matchAll(/^\| `([a-z_0-9]+)` \|/gm)].map(([, name = '']) => name));
}

describe('the table of alerts', () => {
  it('has each name once, and each rule somebody who judges it', () => {
    const table = alertTable(config);
    expect(new Set(table.map(({ name }) => name)).size).toBe(table.length);
    for (const { name, prometheus, azureMetric, azureQuery } of table) {
      expect([name, prometheus ?? azureMetric ?? azureQuery]).not.toContain(undefined);
    }
  });

  it('covers what whoever hosts an operator has to watch', () => {
    const names = alertTable(configOf('uid2-vn2', 'operator: {environment: prod}\n')).map(({ name }) => name);
    expect(names).toEqual(
      expect.arrayContaining([
        'OperatorProbeFailing',
        'OperatorReplicasMissing',
        'OperatorRedundancyLost',
        'OperatorRestarts',
        'OperatorCountsDown',
        'OperatorEndsInSixHours',
        'OperatorEndsInOneHour',
        'OperatorAttestationRefused',
        'VirtualNodeNotReady',
        'VirtualNodeOrphaned',
        'ContainerGroupsLeftOver',
        'NatConnectionsFailing',
        'NatPortsScarce',
        'VaultRefuses',
        'OperatorKeyExpires',
      ]),
    );
  });

  it('follows the configuration', () => {
    const changed = configOf('uid2-vn2', 'operator: {replicas: 7, namespace: uid2}\nvirtualNode: {releaseName: foo}\n');
    const rules = file('prometheus-rules.yaml', changed);
    expect(rules).toContain('< 7');
    expect(rules).toContain('namespace="uid2"');
    expect(rules).toContain('foo-virtualnode-[0-9]+');
    expect(rules).not.toContain('OperatorRedundancyLost');
  });
});

describe('the Prometheus rules', () => {
  const { groups } = ruleFile.parse(parse(file('prometheus-rules.yaml')));
  const rules = groups.flatMap((group) => group.rules);

  it('have the shape that Prometheus takes, with balanced expressions', () => {
    expect(rules.length).toBeGreaterThan(15);
    for (const { expr } of rules) expect([expr, balanced(expr)]).toEqual([expr, true]);
  });

  it('use only metrics that the operator documents, or that another named program has', async () => {
    const own = await documented();
    expect(own.size).toBeGreaterThan(40);
    for (const { alert, expr } of rules) {
      const names = metricsIn(expr);
      expect([alert, names.length]).not.toEqual([alert, 0]);
      const unknown = names.filter((name) => !own.has(name) && !Object.hasOwn(foreignMetrics, name));
      expect([alert, unknown]).toEqual([alert, []]);
    }
  });

  it('use every metric of other programs that the table names', () => {
    const used = new Set(rules.flatMap(({ expr }) => metricsIn(expr)));
    expect(Object.keys(foreignMetrics).filter((name) => !used.has(name))).toEqual([]);
  });
});

describe('metricsIn', () => {
  it('finds metrics and nothing else', () => {
    expect(metricsIn('sum by (instance) (rate(a_total{status=~"5.."}[5m])) > 0.01 * sum(b:c) or vector(0)')).toEqual([
      'a_total',
      'b:c',
    ]);
    expect(metricsIn('a unless on (node) label_replace(b{x="y"}, "node", "$1", "pod", "(.*)")')).toEqual(['a', 'b']);
    expect(metricsIn('e_seconds - time() < 240')).toEqual(['e_seconds']);
  });
});

interface Template {
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly resources: readonly {
    readonly type: string;
    readonly name: string;
    readonly properties: Readonly<Record<string, unknown>>;
  }[];
}

describe('the Azure alerts', () => {
  const text = file('azure-alerts.json');
  const { parameters, resources } = JSON.parse(text) as Template;

  it('are one resource for each condition, and the availability test', () => {
    const count = (type: string): number => resources.filter((one) => one.type === type).length;
    const table = alertTable(config);
    expect(count('Microsoft.AlertsManagement/prometheusRuleGroups')).toBe(1);
    expect(count('Microsoft.Insights/scheduledQueryRules')).toBe(
      table.filter(({ azureQuery }) => azureQuery !== undefined).length,
    );
    expect(count('Microsoft.Insights/metricAlerts')).toBe(
      table.filter(({ azureMetric }) => azureMetric !== undefined).length + 1,
    );
    expect(count('Microsoft.Insights/webtests')).toBe(1);
    expect(new Set(resources.map(({ type, name }) => `${type}/${name}`)).size).toBe(resources.length);
  });

  it('judge the same expressions as the Prometheus rules, in the durations that Azure takes', () => {
    const [group] = resources;
    const rules = group?.properties['rules'] as { expression: string; for?: string; severity: number }[];
    const { groups } = ruleFile.parse(parse(file('prometheus-rules.yaml')));
    expect(rules.map(({ expression }) => expression)).toEqual(groups[0]?.rules.map(({ expr }) => expr));
    for (const rule of rules) expect(rule.for ?? 'PT1M').toMatch(/^PT\d+[SMH]$/);
  });

  it('declare every parameter that they use, and use every one that they declare', () => {
    const used = new Set([...text.matchAll(/parameters\('(\w+)'\)/g)].map(([, name = '']) => name));
    expect([...used].toSorted()).toEqual(Object.keys(parameters).toSorted());
    expect(text).not.toContain('{nodeGroup}');
  });
});

describe('the objects of the Prometheus operator', () => {
  it('find the pods of every slot by the port that the manifest names', () => {
    const documents = parseAllDocuments(file('monitoring.yaml')).map((document) => document.toJS() as unknown);
    expect(documents).toMatchObject([
      {
        kind: 'PodMonitor',
        spec: {
          selector: { matchLabels: { 'app.kubernetes.io/name': 'uid2-operator' } },
          podMetricsEndpoints: [{ port: 'prometheus' }],
        },
      },
      { kind: 'Probe', spec: { jobName: 'uid2-operator', module: 'uid2_operator_health' } },
      { kind: 'PrometheusRule', spec: parse(file('prometheus-rules.yaml')) as object },
    ]);
    expect(parse(file('blackbox.yaml'))).toHaveProperty('modules.uid2_operator_health.prober', 'http');
  });
});

describe('deploy/alerts', () => {
  // Run vitest with -u to write them anew.
  it.each([...alertFiles(config).keys()])('%s is what is generated for the values of the guide', async (name) => {
    await expect(file(name)).toMatchFileSnapshot(`${repository}deploy/alerts/${name}`);
  });
});
