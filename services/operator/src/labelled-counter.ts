import { Counter } from 'prom-client';
import type { Registry } from 'prom-client';

import { CountTree } from './count-tree.ts';

interface Line {
  readonly values: readonly LabelValue[];
  count: number;
}

export type LabelValue = string | number;

/**
 * A Prometheus counter for the paths that every request takes: it counts by the list of its labels' values, and the labels are
 * written when somebody asks for the metrics.
 */
export class LabelledCounter {
  readonly #lines = new CountTree<Line>();

  constructor(registry: Registry, name: string, help: string, labelNames: readonly string[]) {
    const lines = this.#lines;
    const counter = new Counter({
      name,
      help,
      labelNames: [...labelNames],
      registers: [],
      collect() {
        this.reset();
        for (const { values, count } of lines.leaves()) {
          this.inc(labelsOf(labelNames, values), count);
        }
      },
    });
    registry.registerMetric(counter);
  }

  /** Adds to the line of these values, which are those of the labels, in their order. */
  inc(values: readonly LabelValue[], amount = 1): void {
    this.#lines.leaf(values, newLine).count += amount;
  }
}

/** Label values by their names, in whose order they stand. */
export function labelsOf(names: readonly string[], values: readonly LabelValue[]): Record<string, LabelValue> {
  return Object.fromEntries(names.map((name, i) => [name, values[i] ?? '']));
}

function newLine(values: readonly unknown[]): Line {
  return { values: values as readonly LabelValue[], count: 0 };
}
