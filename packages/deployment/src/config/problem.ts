import type { ConfigPath } from './yaml-places.ts';

/** Something that is wrong with a configuration. */
export interface ConfigProblem {
  readonly path: ConfigPath;
  /** From 1; undefined when there is no file. */
  readonly line: number | undefined;
  readonly message: string;
  /** What to do about it. */
  readonly action: string | undefined;
  /** Id of the doctor's check that found it. */
  readonly check: string | undefined;
}

/** A path as people write it: `network.subnets.cg`, `operator.exposure.allowedSources[0]`. */
export function pathText(path: ConfigPath): string {
  return path.map((step, index) => (typeof step === 'number' ? `[${step}]` : index === 0 ? step : `.${step}`)).join('');
}

/** A problem as one line: where, what, and what to do. */
export function problemText(problem: ConfigProblem, file: string): string {
  const place = problem.line === undefined ? file : `${file}:${problem.line}`;
  const path = pathText(problem.path);
  const check = problem.check === undefined ? '' : ` (${problem.check})`;
  const action = problem.action === undefined ? '' : ` ${problem.action}`;
  return `${place}: ${path === '' ? '' : `${path}: `}${problem.message}${check}.${action}`;
}
