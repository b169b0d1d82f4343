import { DependencyError, fromUtf8, PlatformError, toBase64 } from '@holdfast/base';
import type { Clock } from '@holdfast/base';
import type { HttpClient } from '@holdfast/http';
import type { ObjectStore } from '@holdfast/storage';
import { decodeDeltaFile, floorToSlot, formatOptOutFileName, SYNTHETIC_REPLICA_ID } from '@holdfast/uid2';
import type { OptOutRecord, PartnerRecord } from '@holdfast/uid2';

import type { LoggedFile, OptOutLog } from './opt-out-log.ts';

export interface PartnerForwardingOptions {
  readonly log: OptOutLog;
  readonly objects: ObjectStore;
  readonly http: Pick<HttpClient, 'send'>;
  /** Folder of the log in the bucket, with its trailing slash. */
  readonly folder: string;
  readonly rotateIntervalSeconds: number;
  /** Instances whose deltas make a slot complete. */
  readonly replicas: number;
  /** How far back a partner that is new is told of opt-outs, in days. */
  readonly backtrackInDays: number;
  readonly clock: Clock;
  /** Waits; rejects when the signal is aborted. */
  readonly pause: (milliseconds: number, signal: AbortSignal) => Promise<void>;
  readonly onForwarded: (partner: string, optOuts: number) => void;
  readonly onFailed: (partner: string, error: unknown) => void;
}

interface Progress {
  /** Start of the last slot that was sent, milliseconds since the epoch. */
  readonly cursorMs: number;
  /** Names of deltas sent already, of slots that may still get late ones. */
  readonly sent: ReadonlySet<string>;
}

const CALL_TIMEOUT_MS = 30_000;
const PARK_MS = 60 * 60 * 1000;
const DAY_MS = 86_400_000;
const SUCCESS: readonly number[] = [200, 204];
const MAY_PASS: readonly number[] = [429, 500, 502, 503, 504];

/**
 * Tells partners of every opt-out, slot by slot of the rotation interval, each opt-out with one call. How far each partner has
 * been told is kept beside the log, so a restart goes on there; a slot that was interrupted is sent again from its start.
 */
export class PartnerForwarding {
  readonly #options: PartnerForwardingOptions;
  readonly #parkedUntil = new Map<string, number>();
  readonly #stopping = new AbortController();

  constructor(options: PartnerForwardingOptions) {
    this.#options = options;
  }

  /** Sends what is due to every partner. A partner that fails is left alone for an hour; the others are not affected. */
  async run(partners: readonly PartnerRecord[]): Promise<void> {
    await Promise.all(partners.map((partner) => this.#follow(partner)));
  }

  /** Ends a run after the call under way, or at once while it waits. */
  stop(): void {
    this.#stopping.abort();
  }

  async #follow(partner: PartnerRecord): Promise<void> {
    const { clock, onFailed, onForwarded } = this.#options;
    if ((this.#parkedUntil.get(partner.name) ?? 0) > clock()) return;
    try {
      let progress = await this.#loadProgress(partner.name);
      for (let slot = this.#nextSlot(progress); slot !== undefined; slot = this.#nextSlot(progress)) {
        const count = await this.#sendSlot(partner, slot.files);
        if (count === undefined) return; // stopped on the way
        progress = await this.#saveProgress(partner.name, progress, slot);
        onForwarded(partner.name, count);
      }
    } catch (error) {
      if (this.#stopping.signal.aborted) return;
      this.#parkedUntil.set(partner.name, clock() + PARK_MS);
      onFailed(partner.name, error);
    }
  }

  /** The earliest slot with deltas not sent yet that is over, or has deltas of every instance. */
  #nextSlot({
    cursorMs,
    sent,
  }: Progress): { readonly startMs: number; readonly files: readonly LoggedFile[] } | undefined {
    const { log, rotateIntervalSeconds, replicas, clock } = this.#options;
    const slots = new Map<number, LoggedFile[]>();
    for (const file of log.files) {
      if (file.kind !== 'delta' || file.replicaId === SYNTHETIC_REPLICA_ID) continue;
      if (file.timeMs < cursorMs - log.overlapMs || sent.has(formatOptOutFileName(file))) continue;
      const startMs = floorToSlot(file.timeMs, rotateIntervalSeconds);
      slots.set(startMs, [...(slots.get(startMs) ?? []), file]);
    }
    const ready = [...slots].filter(
      ([startMs, files]) =>
        startMs + rotateIntervalSeconds * 1000 <= clock() ||
        new Set(files.map(({ replicaId }) => replicaId)).size >= replicas,
    );
    const [first] = ready.toSorted(([a], [b]) => a - b);
    return first === undefined ? undefined : { startMs: first[0], files: first[1] };
  }

  async #sendSlot(partner: PartnerRecord, files: readonly LoggedFile[]): Promise<number | undefined> {
    const latest = new Map<string, OptOutRecord>();
    for (const { path } of files) {
      for (const record of decodeDeltaFile(await this.#options.objects.read(path)).records) {
        const hash = toBase64(record.identityHash);
        const known = latest.get(hash);
        if (known === undefined || known.optedOutAt < record.optedOutAt) latest.set(hash, record);
      }
    }
    for (const record of latest.values()) {
      if (this.#stopping.signal.aborted) return undefined;
      await this.#send(partner, record);
    }
    return latest.size;
  }

  /** @throws DependencyError OPTOUT_PARTNER_FAILED */
  async #send(partner: PartnerRecord, record: OptOutRecord): Promise<void> {
    for (let attempt = 0; ; attempt++) {
      const outcome = await this.#call(partner, record);
      if (outcome === 'accepted') return;
      if (!outcome.mayPass || attempt >= partner.retryCount || this.#stopping.signal.aborted) {
        throw new DependencyError(
          'OPTOUT_PARTNER_FAILED',
          `partner ${partner.name} did not take an opt-out: ${outcome.reason}`,
          {
            retryable: true,
            details: { partner: partner.name, attempts: attempt + 1 },
            action: 'Check the address and the headers of the partner; the batch is sent again after an hour.',
          },
        );
      }
      await this.#options.pause(partner.retryBackoffMs, this.#stopping.signal);
    }
  }

  async #call(
    partner: PartnerRecord,
    record: OptOutRecord,
  ): Promise<'accepted' | { readonly mayPass: boolean; readonly reason: string }> {
    const fill = (text: string): string =>
      text
        .replaceAll('${ADVERTISING_ID}', toBase64(record.rawUid))
        .replaceAll('${OPTOUT_EPOCH}', String(record.optedOutAt));
    const url = new URL(partner.url);
    for (const [name, value] of partner.queryParameters) url.searchParams.append(name, fill(value));
    const headers = Object.fromEntries(partner.headers.map(([name, value]) => [name, fill(value)]));
    try {
      const { status } = await this.#options.http.send({
        url: url.href,
        method: partner.method,
        headers,
        timeoutMs: CALL_TIMEOUT_MS,
      });
      return SUCCESS.includes(status)
        ? 'accepted'
        : { mayPass: MAY_PASS.includes(status), reason: `it answered ${status}` };
    } catch (error) {
      if (!(error instanceof DependencyError)) throw error;
      return { mayPass: true, reason: error.code };
    }
  }

  async #loadProgress(name: string): Promise<Progress> {
    const { clock, backtrackInDays, rotateIntervalSeconds } = this.#options;
    const timestamp = Number(await this.#readState(name, 'timestamp'));
    const sent = (await this.#readState(name, 'processed'))?.split('\n').filter((line) => line !== '') ?? [];
    const start = floorToSlot(clock() - backtrackInDays * DAY_MS, rotateIntervalSeconds);
    const known = Number.isSafeInteger(timestamp) && timestamp > 0;
    return { cursorMs: known ? timestamp * 1000 : start, sent: new Set(sent) };
  }

  async #saveProgress(
    name: string,
    before: Progress,
    slot: { readonly startMs: number; readonly files: readonly LoggedFile[] },
  ): Promise<Progress> {
    const { log, objects } = this.#options;
    const cursorMs = Math.max(before.cursorMs, slot.startMs);
    const own = new Set([...before.sent, ...slot.files.map(formatOptOutFileName)]);
    // Older deltas are not looked at any more, so nobody has to remember them.
    const sent = log.files
      .filter((file) => file.timeMs >= cursorMs - log.overlapMs)
      .map(formatOptOutFileName)
      .filter((file) => own.has(file));
    await objects.write(this.#statePath(name, 'processed'), sent.map((file) => `${file}\n`).join(''));
    await objects.write(this.#statePath(name, 'timestamp'), String(Math.floor(cursorMs / 1000)));
    return { cursorMs, sent: new Set(sent) };
  }

  async #readState(name: string, part: string): Promise<string | undefined> {
    try {
      return fromUtf8(await this.#options.objects.read(this.#statePath(name, part)));
    } catch (error) {
      if (error instanceof PlatformError && error.code === 'OBJECT_NOT_FOUND') return undefined;
      throw error;
    }
  }

  #statePath(name: string, part: string): string {
    return `${this.#options.folder}sender-state/${name}_${part}.txt`;
  }
}
