import { Counter } from 'prom-client';

import type { OperatorContext, UsageLimits } from './context.ts';
import type { OperatorRequest, ResponseObserver } from './operator-request.ts';
import { clientVersionOf } from './request-metrics.ts';

/** What the statistics keep of one request. */
export interface Usage {
  readonly path: string;
  /** Whether this operator serves the path. */
  readonly isServed: boolean;
  readonly referer: string | undefined;
  /** The caller's contact; null for callers without a key. */
  readonly contact: string | null;
  readonly siteId: number | null;
  readonly clientVersion: string | undefined;
}

interface DomainUsage {
  readonly domain: string;
  count: number;
  readonly apiContact: string | null;
}

interface PathUsage {
  /** Of the first request that was merged into this line. */
  readonly siteId: number | null;
  readonly domains: Map<string, DomainUsage>;
}

const INTERVAL_MS = 60_000;
const MAX_DOMAINS = 1000;
const MAX_DOMAIN_LENGTH = 253;
const MAX_VERSION_LENGTH = 200;
const FOLDED = 3;
const NOT_RECORDED = '<Not recorded>';
const VERSIONED_PATH = /^\/(v\d+)\/(.*)$/;

/**
 * Who calls what from where, as the reference writes it to the log: at most once a minute, when a request comes, one JSON line
 * for every path and one line with the client versions of every site.
 */
export class UsageStatistics {
  readonly #limits: UsageLimits;
  readonly #write: (line: string) => void;
  readonly #onDomainMissed: () => void;
  readonly #paths = new Map<string, PathUsage>();
  /** Never emptied, as in the reference. */
  readonly #versions = new Map<number, Map<string, number>>();
  #unknownPaths = 0;
  #writtenMs: number;

  constructor(options: {
    readonly limits: UsageLimits;
    readonly startMs: number;
    readonly write: (line: string) => void;
    /** A domain beyond the limit of its path. */
    readonly onDomainMissed: () => void;
  }) {
    this.#limits = options.limits;
    this.#write = options.write;
    this.#onDomainMissed = options.onDomainMissed;
    this.#writtenMs = options.startMs;
  }

  /** Takes `count` requests that look the same. */
  record(usage: Usage, nowMs: number, count = 1): void {
    this.#countDomain(usage, count);
    this.#countVersion(usage, count);
    if (nowMs - this.#writtenMs < INTERVAL_MS) return;
    this.#writtenMs = nowMs;
    for (const [path, pathUsage] of this.#paths) this.#write(pathLine(path, pathUsage));
    for (const [siteId, versions] of this.#versions) {
      this.#write(`version log; siteId=${siteId} versions=${JSON.stringify(Object.fromEntries(versions))}`);
    }
    this.#paths.clear();
    this.#unknownPaths = 0;
  }

  #countDomain({ path, isServed, referer, contact, siteId }: Usage, count: number): void {
    let known = this.#paths.get(path);
    if (known === undefined) {
      if (!isServed && !this.#admitsUnknownPath(contact)) return;
      known = { siteId, domains: new Map() };
      this.#paths.set(path, known);
    }
    const domain = domainOf(referer);
    const key = `${domain} ${contact ?? ''}`;
    const entry = known.domains.get(key);
    if (entry !== undefined) entry.count += count;
    else if (known.domains.size < MAX_DOMAINS) known.domains.set(key, { domain, count, apiContact: contact });
    else this.#onDomainMissed();
  }

  /** Anybody can make up paths, so only callers with a key may fill this list, and only so far. */
  #admitsUnknownPath(contact: string | null): boolean {
    if (contact === null || this.#unknownPaths >= this.#limits.unknownPaths) return false;
    this.#unknownPaths += 1;
    return true;
  }

  #countVersion({ siteId, clientVersion }: Usage, count: number): void {
    if (siteId === null || clientVersion === undefined) return;
    const version = clientVersion.slice(0, MAX_VERSION_LENGTH);
    const versions = this.#versions.get(siteId) ?? new Map<string, number>();
    this.#versions.set(siteId, versions);
    if (!versions.has(version) && versions.size >= this.#limits.versionsPerSite) foldRarest(versions);
    versions.set(version, (versions.get(version) ?? 0) + count);
  }
}

/** Statistics that write to the log of `context`. */
export function createUsageStatistics(
  context: Pick<OperatorContext, 'settings' | 'clock' | 'logger' | 'metrics'>,
): UsageStatistics {
  const missed = new Counter({
    name: 'uid2_api_usage_domain_missed_total',
    help: 'Referring domains that the usage statistics had no room for',
    registers: [context.metrics],
  });
  return new UsageStatistics({
    limits: context.settings.usageLimits,
    startMs: context.clock(),
    write: (line) => context.logger.info(line),
    onDomainMissed: () => missed.inc(),
  });
}

/** What feeds the statistics with every request that is no preflight, once its reply is out. */
export function usageRecorder(context: OperatorContext): ResponseObserver {
  let { onUsage } = context;
  if (onUsage === undefined) {
    const statistics = createUsageStatistics(context);
    onUsage = (usage) => statistics.record(usage, context.clock());
  }
  const record = onUsage;
  return (request, reply) => {
    if (!(request.method === 'OPTIONS' && reply.statusCode === 204)) record(usageOf(request));
  };
}

/** The host of a `Referer`. */
function domainOf(referer: string | undefined): string {
  const host = referer === undefined ? '' : (URL.parse(referer)?.hostname ?? '');
  return host === '' || host.length > MAX_DOMAIN_LENGTH ? 'unknown' : host;
}

function usageOf(request: OperatorRequest): Usage {
  const { operatorClient: client, routeOptions, headers } = request;
  return {
    path: routeOptions.url ?? request.url.split('?', 1)[0] ?? '',
    isServed: routeOptions.url !== undefined,
    referer: headers.referer,
    contact: client?.contact ?? null,
    siteId: client?.siteId ?? request.operatorSiteId,
    clientVersion: clientVersionOf(request),
  };
}

function pathLine(path: string, { siteId, domains }: PathUsage): string {
  const [, apiVersion = 'v0', endpoint = path.slice(1)] = VERSIONED_PATH.exec(path) ?? [];
  return JSON.stringify({ endpoint, siteId, apiVersion, domainList: [...domains.values()] });
}

function foldRarest(versions: Map<string, number>): void {
  const rarest = [...versions]
    .filter(([version]) => version !== NOT_RECORDED)
    .sort(([, one], [, other]) => one - other)
    .slice(0, FOLDED);
  let folded = versions.get(NOT_RECORDED) ?? 0;
  for (const [version, count] of rarest) {
    versions.delete(version);
    folded += count;
  }
  versions.set(NOT_RECORDED, folded);
}
