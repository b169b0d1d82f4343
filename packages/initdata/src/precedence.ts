import { MalformedError, PlatformError, UnsupportedError } from '@holdfast/base';

import { GLOBAL_INITDATA_KEY, INITDATA_ANNOTATION, LEGACY_INITDATA_ANNOTATION } from './carrier.ts';
import { parseInitdata, PLACEHOLDER_INITDATA } from './document.ts';
import { decodeInitdata } from './encoding.ts';

/** The places that can give a peer pod its initdata, as they are found: encoded values, or nothing. */
export interface InitdataSources {
  /** Value of `io.katacontainers.config.hypervisor.cc_init_data` on the pod. */
  readonly annotation?: string | undefined;
  /** Value of `io.katacontainers.config.runtime.cc_init_data` on the pod. */
  readonly legacyAnnotation?: string | undefined;
  /** Value of `INITDATA` in `peer-pods-cm`. */
  readonly global?: string | undefined;
}

export interface EffectiveInitdata {
  readonly source: 'annotation' | 'legacy-annotation' | 'global' | 'placeholder';
  /** What the guest gets and measures. */
  readonly document: string;
  /** Why it is this one, a sentence each. */
  readonly reasons: readonly string[];
}

/**
 * The document that a peer pod starts with. The pod's annotation goes before the global value, and replaces all of it: nothing is merged.
 * An empty value counts as absent. Without either the guest writes the placeholder. A value that cannot be read is no
 * reason to take the next one: the pod, or the adaptor, does not start.
 * @throws the errors of `decodeInitdata` and `parseInitdata`, with the place named in the message and in `details.carrier`
 */
export function effectiveInitdata(sources: InitdataSources): EffectiveInitdata {
  const { annotation = '', legacyAnnotation = '', global = '' } = sources;
  // The adaptor reads the global value when it starts, also where every pod brings its own.
  const globalDocument = global === '' ? undefined : read(global, GLOBAL_INITDATA_KEY);
  const replaced = globalDocument === undefined ? [] : ['The global value is not used: nothing of it is merged in.'];
  if (annotation !== '') {
    const document = read(annotation, INITDATA_ANNOTATION);
    return { source: 'annotation', document, reasons: ['The pod has its own annotation.', ...replaced] };
  }
  if (legacyAnnotation !== '') {
    const document = read(legacyAnnotation, LEGACY_INITDATA_ANNOTATION);
    const reason = 'The pod has the annotation of older releases, which current ones ignore.';
    return { source: 'legacy-annotation', document, reasons: [reason, ...replaced] };
  }
  if (globalDocument !== undefined) {
    return {
      source: 'global',
      document: globalDocument,
      reasons: ['The pod has no annotation: the global value holds.'],
    };
  }
  const reason = 'Neither the pod nor the config map has initdata: the guest writes and measures the placeholder.';
  return { source: 'placeholder', document: PLACEHOLDER_INITDATA, reasons: [reason] };
}

function read(value: string, carrier: string): string {
  try {
    const { document } = decodeInitdata(value);
    parseInitdata(document);
    return document;
  } catch (cause) {
    if (!(cause instanceof PlatformError)) throw cause;
    const Family = cause instanceof UnsupportedError ? UnsupportedError : MalformedError;
    throw new Family(cause.code, `${carrier}: ${cause.message}`, { cause, details: { ...cause.details, carrier } });
  }
}
