import { MalformedError, PolicyError, UnsupportedError, VerificationError } from '@holdfast/base';
import type { PlatformError } from '@holdfast/base';

import { errorCodes } from '../error-codes.ts';

/** One step of an appraisal, in order. `code` and `reason` stand when it failed. */
export interface AppraisalCheck {
  readonly name: string;
  readonly ok: boolean;
  readonly code?: string;
  readonly reason?: string;
}

/** Collects the outcome of each step of an appraisal in order. */
export class CheckList {
  readonly #outcomes: AppraisalCheck[] = [];

  get outcomes(): readonly AppraisalCheck[] {
    return this.#outcomes;
  }

  get allHold(): boolean {
    return this.#outcomes.every((check) => check.ok);
  }

  pass(name: string): void {
    this.#outcomes.push({ name, ok: true });
  }

  fail(name: string, code: string, reason: string): void {
    this.#outcomes.push({ name, ok: false, code, reason });
  }

  expect(name: string, ok: boolean, code: string, reason: string): void {
    if (ok) this.pass(name);
    else this.fail(name, code, reason);
  }

  /** One passed check when there are no problems, else one failed check per problem. */
  add(name: string, problems: readonly { readonly code: string; readonly reason: string }[]): void {
    if (problems.length === 0) this.pass(name);
    for (const { code, reason } of problems) this.fail(name, code, reason);
  }

  /** The outcomes of an appraisal that is a part of this one. */
  include(outcomes: readonly AppraisalCheck[]): void {
    this.#outcomes.push(...outcomes);
  }
}

/** Throws the first failed check in the family its code is registered under; `details.failed` names the codes of all. */
export function throwFirstFailure(checks: readonly AppraisalCheck[]): void {
  const failed = checks.filter((check) => !check.ok);
  const [primary] = failed;
  if (primary !== undefined) throw checkError(primary, failed);
}

function checkError(check: AppraisalCheck, failed: readonly AppraisalCheck[]): PlatformError {
  const code = check.code ?? 'SNP_CHAIN_INCOMPLETE';
  const details = { check: check.name, failed: failed.map((each) => each.code ?? each.name) };
  const registered = errorCodes[code];
  const options = { details, ...(registered === undefined ? {} : { action: registered.action }) };
  const message = check.reason ?? check.name;
  switch (registered?.family) {
    case 'malformed':
      return new MalformedError(code, message, options);
    case 'unsupported':
      return new UnsupportedError(code, message, options);
    case 'policy':
      return new PolicyError(code, message, options);
    default:
      return new VerificationError(code, message, options);
  }
}
