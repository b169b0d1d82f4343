/** Counts by label, written as Prometheus text (exposition format 0.0.4). */
export class Metrics {
  readonly #counters = new Map<string, { readonly help: string; readonly values: Map<string, number> }>();

  /** @param labels of few different values: what they name is kept for good */
  count(name: string, help: string, labels: Readonly<Record<string, string>> = {}): void {
    let counter = this.#counters.get(name);
    if (counter === undefined) {
      counter = { help, values: new Map() };
      this.#counters.set(name, counter);
    }
    const key = Object.entries(labels)
      .map(([label, value]) => `${label}="${value.replaceAll(/[\\"\n]/g, '_')}"`)
      .join(',');
    counter.values.set(key, (counter.values.get(key) ?? 0) + 1);
  }

  text(): string {
    const lines: string[] = [];
    for (const [name, { help, values }] of this.#counters) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} counter`);
      for (const [key, value] of values) lines.push(key === '' ? `${name} ${value}` : `${name}{${key}} ${value}`);
    }
    return lines.length === 0 ? '' : `${lines.join('\n')}\n`;
  }
}
