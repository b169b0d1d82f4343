import { CountTree } from '../count-tree.ts';
import type { Usage } from '../usage-statistics.ts';
import type { CountedUsage } from './serving-messages.ts';

/** Longest time that usage stays here, and most different lines of it. */
const FLUSH_AFTER_MS = 1000;
const MOST_LINES = 500;

/** Counts equal usage, so that a thread sends few messages about many requests. */
export class UsageBuffer {
  readonly #send: (usages: readonly CountedUsage[]) => void;
  readonly #counts = new CountTree<{ readonly usage: Usage; count: number }>();
  #timer: NodeJS.Timeout | undefined;

  constructor(send: (usages: readonly CountedUsage[]) => void) {
    this.#send = send;
  }

  add(usage: Usage): void {
    const { path, referer, contact, siteId, clientVersion } = usage;
    const known = this.#counts.leaf([path, contact, siteId, clientVersion, referer], () => ({ usage, count: 0 }));
    known.count += 1;
    if (known.count > 1) return;
    if (this.#counts.size >= MOST_LINES) this.flush();
    else this.#timer ??= setTimeout(() => this.flush(), FLUSH_AFTER_MS).unref();
  }

  /** Sends what there is. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#counts.size === 0) return;
    const usages = [...this.#counts.leaves()];
    this.#counts.clear();
    this.#send(usages);
  }
}
