import type { Finding } from './terminal.ts';

/** What a policy is, ready to be shown. */
export interface Inspection {
  readonly facts: readonly (readonly [string, string])[];
  /** The table of containers. */
  readonly headings: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
  readonly sections: readonly { readonly title: string; readonly lines: readonly string[] }[];
  readonly findings: readonly Finding[];
  /** Everything above for programs, unabridged. */
  readonly json: Readonly<Record<string, unknown>>;
}

/** A text that fits into a cell of a table: its middle is left out. */
export function cell(text: string, width: number): string {
  if (text.length <= width) return text;
  const tail = Math.floor((width - 1) / 3);
  return `${text.slice(0, width - 1 - tail)}…${text.slice(text.length - tail)}`;
}
