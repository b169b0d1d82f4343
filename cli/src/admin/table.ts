// oxlint-disable-next-line no-control-regex -- they must not reach a terminal
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;
const GAP = '  ';

/** Rows under headings, in columns as wide as their longest cell; numbers (bigints and numbers) to the right. */
export function renderTable(headings: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cells = rows.map((row) => row.map((cell) => String(cell).replaceAll(CONTROL, '\ufffd')));
  const widths = headings.map((heading, column) =>
    cells.reduce((width, row) => Math.max(width, row[column]?.length ?? 0), heading.length),
  );
  const numeric = headings.map((_, column) => rows.length > 0 && rows.every((row) => typeof row[column] === 'number'));
  const line = (row: readonly string[]): string =>
    row
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0)))
      .join(GAP)
      .trimEnd();
  return `${[headings, ...cells].map(line).join('\n')}\n`;
}

/** "name   value" lines. */
export function renderFacts(facts: readonly (readonly [string, string | number])[]): string {
  const width = facts.reduce((widest, [name]) => Math.max(widest, name.length), 0);
  return facts
    .map(([name, value]) => `${name.padEnd(width)}${GAP}${String(value).replaceAll(CONTROL, '\ufffd')}\n`)
    .join('');
}

/** `2026-03-01T12:00:00Z` of seconds since the epoch. */
export function timeText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
