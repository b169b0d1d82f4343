import { mayColour } from '../context.ts';
import type { CliIo, OutputStream } from '../context.ts';

export type Severity = 'error' | 'warning' | 'info';

/** A finding of any of the checks of policies. */
export interface Finding {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly container?: string | undefined;
}

/** One line; what others wrote cannot steer the terminal. */
export function say(io: CliIo, text = '', stream: OutputStream = io.stdout): void {
  stream.write(`${harmless(text).trimEnd()}\n`);
}

/** Several lines, each as `say` writes it, indented. */
export function sayLines(io: CliIo, text: string, indent = ''): void {
  for (const line of text.split('\n')) say(io, indent + line);
}

const LINE_WIDTH = 120;

/** A paragraph after `lead`, its further lines as far to the right as the first. */
export function sayWrapped(io: CliIo, lead: string, text: string): void {
  let line = lead.trimEnd();
  for (const word of text.split(' ')) {
    if (line.length + 1 + word.length > LINE_WIDTH && line.trim() !== '') {
      say(io, line);
      line = ' '.repeat(lead.length - 1);
    }
    line += ` ${word}`;
  }
  say(io, line);
}

function harmless(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '\ufffd');
}

const COLOURS = { error: '31', warning: '33', info: '36', ok: '32', strong: '1' } as const;

/** A text in colour where standard output may have any. */
export function painted(io: CliIo, colour: keyof typeof COLOURS, text: string): string {
  return mayColour(io, io.stdout) ? `\u001b[${COLOURS[colour]}m${text}\u001b[0m` : text;
}

/** Findings, the most severe first, a finding a line. */
export function sayFindings(io: CliIo, findings: readonly Finding[]): void {
  const width = Math.max(0, ...findings.map(({ code }) => code.length));
  for (const finding of bySeverity(collapsed(findings))) {
    const { severity, code, container, message } = finding;
    const about = container === undefined || container === '' ? '' : `${container}: `;
    const label = painted(io, severity, severity.padEnd(7));
    io.stdout.write(`  ${label}  ${harmless(`${code.padEnd(width)}  ${about}${message}`)}\n`);
  }
}

const DROPPED = ' would be removed before the process starts: ';

/** Findings that say the same of several containers, or of several variables of one, as one finding each. */
export function collapsed(findings: readonly Finding[]): readonly Finding[] {
  const variables = grouped(findings, ({ code, severity, container, message }) => {
    const split = message.indexOf(DROPPED);
    return split === -1 ? undefined : JSON.stringify([code, severity, container, message.slice(split)]);
  }).map(([first, ...others]) => {
    const names = [first, ...others].map(({ message }) => message.slice(0, message.indexOf(DROPPED)));
    return others.length === 0
      ? first
      : { ...first, message: names.join(', ') + first.message.slice(first.message.indexOf(DROPPED)) };
  });
  return grouped(variables, ({ code, severity, message }) => JSON.stringify([code, severity, message])).map(
    ([first, ...others]) => {
      const containers = [first, ...others].flatMap(({ container = '' }) => (container === '' ? [] : [container]));
      return { ...first, container: [...new Set(containers)].join(', ') };
    },
  );
}

/** Items in their order, those with one key together; an item without a key stays alone. */
function grouped<T>(items: readonly T[], keyOf: (item: T) => string | undefined): readonly (readonly [T, ...T[]])[] {
  const groups = new Map<unknown, [T, ...T[]]>();
  for (const item of items) {
    const key = keyOf(item) ?? item;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return [...groups.values()];
}

const RANKS: Readonly<Record<Severity, number>> = { error: 0, warning: 1, info: 2 };

function bySeverity<T extends Finding>(findings: readonly T[]): readonly T[] {
  return findings.toSorted((a, b) => RANKS[a.severity] - RANKS[b.severity]);
}

/** Whether any finding is at least as severe as `threshold`. */
export function reaches(findings: readonly Finding[], threshold: Severity): boolean {
  return findings.some(({ severity }) => RANKS[severity] <= RANKS[threshold]);
}

/** `1 container`, `2 containers`. */
export function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
