import type { AdmitObject, WriteOptions } from '../cluster-store.ts';
import type { ClusterObject, ObjectInput } from '../objects.ts';
import { StatusError } from '../status.ts';

/** A write is tried anew when the object changed while webhooks were asked. */
const MAX_ATTEMPTS = 5;

/**
 * Runs a write behind asynchronous admission: the write is first tried without effect to learn what it would store, admission is asked about
 * that, and the write is done with its changes, provided that the object is still the one admission saw.
 */
export async function admitted(
  admission: AdmitObject | undefined,
  options: WriteOptions,
  write: (options: WriteOptions) => ClusterObject,
): Promise<ClusterObject> {
  if (admission === undefined) return write(options);
  for (let attempt = 1; ; attempt += 1) {
    let seen: { readonly candidate: ObjectInput; readonly previous: ClusterObject | undefined } | undefined;
    try {
      write({
        ...options,
        dryRun: true,
        admit: (candidate, previous) => {
          seen = { candidate: structuredClone(candidate), previous };
          return candidate;
        },
      });
    } catch (error) {
      // What admission has not seen is refused for good; the rest may be what a webhook puts right.
      if (seen === undefined) throw error;
    }
    const { candidate, previous } = seen as unknown as NonNullable<typeof seen>;
    const change = await admission(previous === undefined ? 'CREATE' : 'UPDATE', candidate, previous, {
      dryRun: options.dryRun === true,
      subresource: options.subresource,
    });
    try {
      return write({
        ...options,
        admit: (fresh, live) => {
          if (live?.metadata.resourceVersion !== previous?.metadata.resourceVersion) throw new ChangedMeanwhile();
          return change(fresh);
        },
      });
    } catch (error) {
      if (!(error instanceof ChangedMeanwhile) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

class ChangedMeanwhile extends StatusError {
  constructor() {
    super('Conflict', 'the object changed while admission webhooks were asked; try again');
  }
}
