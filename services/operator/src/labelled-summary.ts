import { Summary } from 'prom-client';
import type { MetricObjectWithValues, MetricValueWithName, Registry } from 'prom-client';

import { CountTree } from './count-tree.ts';
import { labelsOf } from './labelled-counter.ts';
import type { LabelValue } from './labelled-counter.ts';

interface Line {
  readonly values: readonly LabelValue[];
  count: number;
  sum: number;
}

/** A Prometheus summary without quantiles for the paths that every request takes; see `LabelledCounter`. */
export class LabelledSummary extends Summary {
  readonly #name: string;
  readonly #labelNames: readonly string[];
  readonly #lines = new CountTree<Line>();

  constructor(registry: Registry, name: string, help: string, labelNames: readonly string[]) {
    super({ name, help, labelNames: [...labelNames], percentiles: [], registers: [registry] });
    this.#name = name;
    this.#labelNames = labelNames;
  }

  /** Adds a value to the line of these label values, which stand in the order of the labels. */
  add(values: readonly LabelValue[], value: number): void {
    const line = this.#lines.leaf(values, newLine);
    line.count += 1;
    line.sum += value;
  }

  override async get(): Promise<MetricObjectWithValues<MetricValueWithName<string>>> {
    const values = this.#lines.leaves().flatMap(({ values: of, count, sum }) => {
      const labels = labelsOf(this.#labelNames, of);
      return [
        { metricName: `${this.#name}_sum`, labels, value: sum },
        { metricName: `${this.#name}_count`, labels, value: count },
      ];
    });
    return { ...(await super.get()), values };
  }
}

function newLine(values: readonly unknown[]): Line {
  return { values: values as readonly LabelValue[], count: 0, sum: 0 };
}
