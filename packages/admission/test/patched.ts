import { applyPatch } from 'rfc6902';
import type { Operation } from 'rfc6902';

import { admissionAnswer } from '../src/index.ts';
import type { AdmissionDecision, AdmissionRequest, Json, JsonObject } from '../src/index.ts';

/** A request as the API server would make it. */
export function requestFor(object: Json, namespace = 'ns1'): AdmissionRequest {
  return { apiVersion: 'admission.k8s.io/v1', uid: 'u', namespace, operation: 'CREATE', object };
}

/** The object after the answer's patch, applied by a library of somebody else's; and the patch. */
export function patched(request: AdmissionRequest, decision: AdmissionDecision) {
  const answer = admissionAnswer(request, decision) as unknown as {
    readonly response: { readonly patch?: string };
  };
  const { patch } = answer.response;
  const operations =
    patch === undefined ? [] : (JSON.parse(Buffer.from(patch, 'base64').toString()) as readonly Operation[]);
  const object = structuredClone(request.object) as JsonObject;
  const problems = applyPatch(object, [...operations]).filter((problem) => problem !== null);
  if (problems.length > 0) throw problems[0] as Error;
  return { object, operations };
}

/** Leaves out what says nothing: empty objects and lists, nulls, and what API servers add by themselves. */
export function withoutEmpty(value: Json): Json {
  if (Array.isArray(value)) return (value as readonly Json[]).map(withoutEmpty);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value)
    .map(([name, member]) => [name, withoutEmpty(member)] as const)
    .filter(([, member]) => member !== null && (typeof member !== 'object' || Object.keys(member).length > 0));
  return Object.fromEntries(entries);
}
