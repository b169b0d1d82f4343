import type { OperatorContext } from './context.ts';

const INTERVAL_MS = 60 * 60_000;
/** Anybody can send any origin, so only the first of each hour are kept. */
const MAX_PER_SITE = 100;
const MAX_LENGTH = 200;

/** Gathers the origins and app names that were refused, by site, and writes them to the log once an hour at most. */
export class InvalidOriginLog {
  readonly #context: Pick<OperatorContext, 'clock' | 'logger' | 'stores'>;
  readonly #bySite = new Map<number, Set<string>>();
  #writtenMs: number;

  constructor(context: Pick<OperatorContext, 'clock' | 'logger' | 'stores'>) {
    this.#context = context;
    this.#writtenMs = context.clock();
  }

  add(siteId: number, originOrAppName: string): void {
    const known = this.#bySite.get(siteId) ?? new Set();
    this.#bySite.set(siteId, known);
    if (known.size < MAX_PER_SITE) known.add(originOrAppName.slice(0, MAX_LENGTH));
    const nowMs = this.#context.clock();
    if (nowMs - this.#writtenMs < INTERVAL_MS) return;
    this.#writtenMs = nowMs;
    this.#context.logger.error(`InvalidHttpOriginAndAppName: ${[...this.#bySite].map(this.#line).join(' | ')}`);
    this.#bySite.clear();
  }

  readonly #line = ([siteId, names]: readonly [number, ReadonlySet<string>]): string => {
    const site = this.#context.stores.site(siteId);
    return `site ${site?.name ?? 'unknown'} (${siteId}): ${[...names].join(', ')}`;
  };
}
