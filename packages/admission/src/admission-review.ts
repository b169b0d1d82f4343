import { errorMessage, MalformedError } from '@holdfast/base';

import { isObject, objectIn, textIn } from './json.ts';
import type { Json, JsonObject } from './json.ts';
import { jsonPatch } from './json-patch.ts';

/** What an API server asks about one object. */
export interface AdmissionRequest {
  /** `admission.k8s.io/v1` or `admission.k8s.io/v1beta1`: the answer is given in the same. */
  readonly apiVersion: string;
  readonly uid: string;
  readonly namespace: string;
  readonly operation: string;
  /** The object as it was sent, unknown members included; not an object when the API server sent something else. */
  readonly object: Json;
}

/** What a mutation decides: an object that may differ from the one asked about, or a refusal. */
export type AdmissionDecision =
  | { readonly allowed: true; readonly object: JsonObject }
  | { readonly allowed: false; readonly code: number; readonly message: string };

/** A mutation of pods. May read from the API server. */
export type Mutation = (request: AdmissionRequest) => Promise<AdmissionDecision>;

const VERSIONS: readonly string[] = ['admission.k8s.io/v1', 'admission.k8s.io/v1beta1'];
const MAX_DEPTH = 100;

/**
 * Reads an AdmissionReview.
 * @param text The body of the request.
 * @throws MalformedError ADMISSION_REVIEW_INVALID
 */
export function parseAdmissionReview(text: string): AdmissionRequest {
  let review: Json;
  try {
    review = JSON.parse(text) as Json;
  } catch (error) {
    throw invalid(`it is no JSON: ${errorMessage(error)}`);
  }
  if (depthExceeds(review, MAX_DEPTH)) throw invalid(`it nests deeper than ${MAX_DEPTH} levels`);
  const apiVersion = textIn(review, 'apiVersion');
  if (textIn(review, 'kind') !== 'AdmissionReview' || apiVersion === undefined || !VERSIONS.includes(apiVersion)) {
    throw invalid('it is not an AdmissionReview of admission.k8s.io/v1 or v1beta1');
  }
  const request = objectIn(review, 'request');
  const uid = textIn(request, 'uid');
  if (uid === undefined || uid === '') throw invalid('its request has no uid');
  return {
    apiVersion,
    uid,
    namespace: textIn(request, 'namespace') ?? '',
    operation: textIn(request, 'operation') ?? '',
    object: request['object'] ?? null,
  };
}

/** The AdmissionReview that answers a request. Nothing to change means no patch at all. */
export function admissionAnswer(request: AdmissionRequest, decision: AdmissionDecision): JsonObject {
  return {
    apiVersion: request.apiVersion,
    kind: 'AdmissionReview',
    response: { uid: request.uid, ...responseOf(request, decision) },
  };
}

function responseOf(request: AdmissionRequest, decision: AdmissionDecision): JsonObject {
  if (!decision.allowed) {
    return { allowed: false, status: { code: decision.code, message: decision.message } };
  }
  const operations = jsonPatch(request.object, decision.object);
  if (operations.length === 0) return { allowed: true, status: { code: 200 } };
  const patch = Buffer.from(JSON.stringify(operations)).toString('base64');
  return { allowed: true, status: { code: 200 }, patchType: 'JSONPatch', patch };
}

/** The pod of a request, or the refusal that the API server gets when there is none. */
export function podOf(request: AdmissionRequest): JsonObject | AdmissionDecision {
  const { object } = request;
  if (!isObject(object) || textIn(object, 'kind') === undefined || textIn(object, 'apiVersion') === undefined) {
    return denial("couldn't get version/kind; json parse error: the object of the request is not a Kubernetes object");
  }
  const problem = shapeProblem(object);
  return problem === undefined ? object : denial(`the object of the request is no Pod: ${problem}`);
}

/** What keeps an object from being a pod, as far as mutations look at it. */
function shapeProblem(pod: JsonObject): string | undefined {
  for (const member of ['metadata', 'spec']) {
    if (pod[member] !== undefined && !isObject(pod[member])) return `${member} is no object`;
  }
  const spec = objectIn(pod, 'spec');
  for (const member of ['containers', 'initContainers', 'volumes']) {
    const list = spec[member] ?? [];
    if (!Array.isArray(list) || !(list as readonly Json[]).every(isObject))
      return `spec.${member} is no list of objects`;
  }
  return undefined;
}

/** A refusal for something that whoever made the pod can correct. */
export function denial(message: string): AdmissionDecision {
  return { allowed: false, code: 400, message };
}

export function isDecision(value: JsonObject | AdmissionDecision): value is AdmissionDecision {
  return typeof value['allowed'] === 'boolean' && !('kind' in value);
}

function invalid(reason: string): MalformedError {
  return new MalformedError('ADMISSION_REVIEW_INVALID', `the request is no AdmissionReview: ${reason}`);
}

/** Iterative: the depth is what is asked about. */
function depthExceeds(value: Json, limit: number): boolean {
  let level: readonly Json[] = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > limit) return true;
    level = level.flatMap((entry): readonly Json[] =>
      typeof entry === 'object' && entry !== null ? Object.values(entry) : [],
    );
  }
  return false;
}
