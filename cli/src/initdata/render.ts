import { explainInitdataFailure, CONSUMER_NAMES, errorCodes, initdataFindingCodes } from '@holdfast/initdata';
import type { InitdataConsumer, InitdataFinding } from '@holdfast/initdata';

import type { OutputStream } from '../context.ts';

/** One line. Initdata is written by others: nothing of it may steer the terminal. */
export function line(stream: OutputStream, text = ''): void {
  stream.write(`${text.replaceAll(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, '?').trimEnd()}\n`);
}

const RANKS = { error: 0, warning: 1, info: 2 } as const;

/** Findings, the most severe first, each with what to do; for errors also with what would have happened to the pod. */
export function renderFindings(findings: readonly InitdataFinding[], stream: OutputStream): void {
  for (const finding of findings.toSorted((a, b) => RANKS[a.severity] - RANKS[b.severity])) {
    line(stream, `  ${finding.severity.padEnd(7)}  ${placeOf(finding)}${finding.message} [${finding.code}]`);
    const action = actionOf(finding.code);
    if (action !== undefined) line(stream, `           ${action}`);
    if (finding.severity !== 'error') continue;
    const failure = explainInitdataFailure(finding.code);
    if (failure === undefined) continue;
    for (const [consumer, behaviour] of Object.entries(failure.behaviour)) {
      if (consumer !== 'holdfast')
        line(stream, `           ${CONSUMER_NAMES[consumer as InitdataConsumer]}: ${behaviour}`);
    }
  }
}

/** A finding with what to do and what consumers do, for programs. */
export function findingJson(finding: InitdataFinding): object {
  const failure = explainInitdataFailure(finding.code);
  return {
    ...finding,
    action: actionOf(finding.code) ?? null,
    ...(failure === undefined ? {} : { consumers: failure.behaviour }),
  };
}

function actionOf(code: string): string | undefined {
  const known: Readonly<Record<string, { readonly action: string }>> = { ...errorCodes, ...initdataFindingCodes };
  return known[code]?.action;
}

function placeOf({ entry, line: row, column }: InitdataFinding): string {
  if (entry === undefined) return '';
  // Messages about broken TOML name line and column themselves.
  return row !== undefined && column === undefined ? `${entry}, line ${row}: ` : `${entry}: `;
}
