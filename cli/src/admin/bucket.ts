import { RequestError } from '@holdfast/base';
import type { ObjectStore } from '@holdfast/storage';

/** It lies beside no object: no reader of the bucket asks for it. */
export const LOCK_NAME = 'administration.lock';

/** Core's bucket as the administrator's commands see it. */
export interface Bucket {
  readonly objects: ObjectStore;
  /** The folder, or the URL of the container, for messages. */
  readonly name: string;
  /** Held while the bucket is changed. */
  readonly lock: WorldLock;
  /** Makes the bucket where it is missing and can be made. */
  prepare(): Promise<void>;
}

/** Keeps administrators from changing a bucket at the same time. */
export interface WorldLock {
  take(): Promise<WorldLockAttempt>;
}

export type WorldLockAttempt =
  | { readonly taken: true; release(): Promise<void> }
  | {
      readonly taken: false;
      /** Who has it, where that is known. */
      readonly holder: string | undefined;
      /** What the person who has to wait can do. */
      readonly action: string;
    };

export function missingWorld(name: string, reason: string): RequestError {
  return new RequestError('WORLD_MISSING', `${name} holds no UID2 world: ${reason}`, {
    details: { world: name },
    action: 'Run `holdfast up` once to make one, name its folder with --home or --world, or import an exported world.',
  });
}
