import { stringify } from 'yaml';

import type { AlertRule } from './alert-table.ts';

/** Rules for Prometheus, as a file of `rule_files` has them. */
export interface RuleGroups {
  readonly groups: readonly {
    readonly name: string;
    readonly rules: readonly PrometheusRule[];
  }[];
}

interface PrometheusRule {
  readonly alert: string;
  readonly expr: string;
  readonly for?: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

/** The rules of the table that Prometheus can judge. */
export function ruleGroups(table: readonly AlertRule[]): RuleGroups {
  const rules = table.flatMap(({ name, severity, summary, action, prometheus }): PrometheusRule[] =>
    prometheus === undefined
      ? []
      : [
          {
            alert: name,
            expr: prometheus.expr,
            ...(prometheus.for === undefined ? {} : { for: prometheus.for }),
            labels: { severity },
            annotations: { summary, action },
          },
        ],
  );
  return { groups: [{ name: 'uid2-operator', rules }] };
}

export const yamlText = (value: unknown): string =>
  stringify(value, { lineWidth: 0, singleQuote: true, aliasDuplicateObjects: false });

/** Names of metrics in an expression: words that are neither functions, operators, labels nor their values. */
export function metricsIn(expr: string): readonly string[] {
  const bare = expr
    .replaceAll(/"(?:[^"\\]|\\.)*"/g, '""')
    .replaceAll(/\{[^}]*\}/g, ' ')
    .replaceAll(/\[[^\]]*\]/g, ' ')
    .replaceAll(/\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const words = [...bare.matchAll(/[A-Za-z_:][\w:]*(?!\s*\(|[\w:])/g)].map(([word]) => word);
  return [...new Set(words.filter((word) => !OPERATORS.has(word)))];
}

const OPERATORS = new Set(['and', 'or', 'unless', 'bool', 'offset', 'atan2', 'sum', 'min', 'max', 'count', 'avg']);
