import { errorMessage } from '@holdfast/base';
import type { Clock } from '@holdfast/base';

import type { PodTokenSource } from '../../api/index.ts';
import type { PodObject } from '../../controllers/objects.ts';
import { VolumeProblem } from './volume-files.ts';
import type { TokenSource } from './volume-objects.ts';

const DEFAULT_SECONDS = 3600;
const DAY_MS = 24 * 3_600_000;

interface KnownToken {
  readonly token: string;
  /** When a new one is asked for, and when this one is of no use any more, in milliseconds since the epoch. */
  readonly renewAt: number;
  readonly expiresAt: number;
}

/**
 * Tokens of one pod's service account, each asked for anew when 80 % of its life or a day has passed, whichever is earlier.
 * @see Kubernetes pkg/kubelet/token
 */
export class ServiceAccountTokens {
  readonly #issue: PodTokenSource | undefined;
  readonly #clock: Clock;
  readonly #known = new Map<string, KnownToken>();

  constructor(issue: PodTokenSource | undefined, clock: Clock) {
    this.#issue = issue;
    this.#clock = clock;
  }

  /** When the next token is due, in milliseconds since the epoch; undefined while there is none. */
  get renewAt(): number | undefined {
    const times = [...this.#known.values()].map(({ renewAt }) => renewAt);
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** @throws VolumeProblem when there is no token */
  async token(pod: PodObject, { audience = '', expirationSeconds = DEFAULT_SECONDS }: TokenSource): Promise<string> {
    const key = `${expirationSeconds} ${audience}`;
    const known = this.#known.get(key);
    if (known !== undefined && known.renewAt > this.#clock()) return known.token;
    const { namespace = 'default', uid = '' } = pod.metadata;
    const now = this.#clock();
    try {
      if (this.#issue === undefined) throw new VolumeProblem('the cluster issues no tokens');
      const { token, expiresAt } = await this.#issue({
        namespace,
        serviceAccount: pod.spec.serviceAccountName ?? 'default',
        audiences: audience === '' ? [] : [audience],
        expirationSeconds,
        pod: { name: pod.metadata.name, uid },
      });
      this.#known.set(key, { token, renewAt: now + Math.min((expiresAt - now) * 0.8, DAY_MS), expiresAt });
      return token;
    } catch (error) {
      // It is asked for again soon; until then the old one does.
      if (known !== undefined && known.expiresAt > now) return known.token;
      throw new VolumeProblem(`failed to fetch token: ${errorMessage(error)}`, { cause: error });
    }
  }
}
