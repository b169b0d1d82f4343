import { PatternMatcher } from '../../regex/index.ts';
import type { KataCommon } from '../policy-data.ts';

/** Names that a request gives to what the policy has placeholders for. Undefined when the request does not say. */
export interface RequestNames {
  readonly bundleId: string | undefined;
  readonly sandboxId: string | undefined;
  readonly sandboxName: string | undefined;
  readonly namespace: string | undefined;
}

/** Substitutes placeholders textually and searches patterns, as the rules do. Matching finds a pattern anywhere in a text. */
export class KataPatterns {
  readonly #matcher = new PatternMatcher();
  readonly #common: KataCommon;

  constructor(common: KataCommon) {
    this.#common = common;
  }

  /** Starts the work budget of one decision. */
  renewBudget(): void {
    this.#matcher.renewBudget();
  }

  /** Whether a pattern is found in a text. A pattern that is not valid is found nowhere, as an error in a rule makes it fail. */
  search(pattern: string, text: string): boolean {
    return this.#matcher.find(pattern, text) === true;
  }

  isValid(pattern: string): boolean {
    return this.#matcher.isValid(pattern);
  }

  /** Paths: the shared-file prefix, the share and storage folders, and the ids of bundle and sandbox. */
  path(text: string, names: RequestNames): string {
    let result = text
      .replaceAll('$(sfprefix)', () => this.#common.sfprefix)
      .replaceAll('$(cpath)', () => this.#common.cpath)
      .replaceAll('$(spath)', () => this.#common.spath ?? '$(spath)')
      .replaceAll('$(root_path)', () => this.#common.root_path ?? '$(root_path)');
    const { bundleId, sandboxId } = names;
    if (bundleId !== undefined) result = result.replaceAll('$(bundle-id)', () => bundleId);
    if (sandboxId !== undefined) result = result.replaceAll('$(sandbox-id)', () => sandboxId);
    return result;
  }

  /** A pattern of `allow_env_regex` with the shared parts filled in. */
  variable(pattern: string): string {
    const common = this.#common;
    return pattern
      .replaceAll('$(ipv4_a)', () => common.ipv4_a)
      .replaceAll('$(ip_p)', () => common.ip_p)
      .replaceAll('$(svc_name)', () => common.svc_name ?? '$(svc_name)')
      .replaceAll('$(svc_name_downward_env)', () => common.svc_name_downward_env ?? '$(svc_name_downward_env)')
      .replaceAll('$(dns_label)', () => common.dns_label);
  }
}

/** Whether a text is an IPv4 address in dotted decimal notation. */
export function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(?:0|[1-9][0-9]{0,2})$/u.test(part) && Number(part) <= 255);
}

export function sameTexts(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((item, index) => item === b[index]);
}
