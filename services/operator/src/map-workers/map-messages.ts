import type { DiiKind, IdentityEnvironment, OptOutIndexData } from '@holdfast/uid2';

import type { MapCounts, MapSettings } from '../identity-mapper.ts';
import type { BatchCounts } from '../request-metrics.ts';
import type { Refusal } from '../responses.ts';
import type { SharedSalts } from '../threads/shared-salts.ts';

/** Which map endpoint a request came to. */
export type MapVersion = 'v2' | 'v3';

/** What a worker is started with. */
export interface MapWorkerData {
  readonly settings: MapSettings;
}

/** To a worker: the world that all later requests are mapped against. The tables are in shared memory and not copied. */
export interface WorldMessage {
  readonly kind: 'world';
  readonly salts: SharedSalts;
  readonly optOuts: OptOutIndexData;
  readonly environment: IdentityEnvironment;
}

/** To a worker: let go of the world, so that its memory can be freed once nobody else has it. */
export interface ForgetMessage {
  readonly kind: 'forget';
}

/** To a worker: one request. `payload` is its JSON as UTF-8, handed over. */
export interface RequestMessage {
  readonly kind: 'request';
  readonly version: MapVersion;
  readonly payload: Uint8Array<ArrayBuffer>;
  readonly nowMs: number;
}

export type MessageToWorker = WorldMessage | ForgetMessage | RequestMessage;

/** From a worker: the answer to its one request, with the bytes handed over; or what was thrown. */
export type MessageFromWorker =
  | { readonly kind: 'ready' }
  | { readonly kind: 'success'; readonly bytes: Uint8Array<ArrayBuffer>; readonly counts: PlainCounts }
  | { readonly kind: 'refusal'; readonly refusal: Refusal }
  | { readonly kind: 'failure'; readonly code: string | undefined; readonly message: string; readonly stack: string };

/** `MapCounts` without behaviour, so that it can be posted. */
export interface PlainCounts extends MapCounts {
  readonly byKind: ReadonlyMap<DiiKind, BatchCounts>;
}
