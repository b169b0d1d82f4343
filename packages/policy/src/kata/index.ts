export { kataErrorCodes } from './error-codes.ts';
export type { KataCandidate, KataCause, KataDecision } from './evaluate/decision.ts';
export { createKataEnforcer } from './evaluate/enforcer.ts';
export type { KataEnforcer, KataRequest } from './evaluate/enforcer.ts';
export { readKataRecording, replayKataRequests } from './evaluate/replay.ts';
export type { KataRecordedRequest, KataReplayedDecision, KataReplayOptions } from './evaluate/replay.ts';
export { completeKataRequest } from './evaluate/request.ts';
export { generateKata, kataImageNames, kataPolicies } from './generate.ts';
export type { KataGeneratedPolicy, KataGenerateOptions, KataGeneration } from './generate.ts';
export { kataImageOf, layerNames } from './image.ts';
export type { KataImage, KataImageLayer } from './image.ts';
export {
  fitInitdataDigest,
  initdataAnnotation,
  initdataDigest,
  initdataDocument,
  parseInitdata,
  writeInitdata,
} from './initdata.ts';
export type { Initdata, InitdataAlgorithm, InitdataPlatform } from './initdata.ts';
export { applyJsonPatch } from './json-patch.ts';
export type * from './policy-data.ts';
export { parseKataPolicy, parsePolicyData, writeKataPolicy } from './policy-document.ts';
export type { KataPolicyDocument } from './policy-document.ts';
export { writePolicyJson } from './policy-json.ts';
export { policyAnnotations } from './resource.ts';
export { knownRules, nativeKataRules } from './rules.ts';
export type { KataRules } from './rules.ts';
export { checkKataSettings, defaultKataSettings, parseKataSettings } from './settings.ts';
export type { KataMsSettings, KataSettings, KataUpstreamSettings } from './settings.ts';
export { diffKataPolicies, diffPolicyData } from './diff.ts';
export type { KataChange, KataChangeEffect, KataDiff } from './diff.ts';
export { lintKataPolicy, lintPolicyData, lintRules, profileOfData } from './lint.ts';
export type { KataFinding } from './lint.ts';
export { predictKataRequests, verifyKataPod } from './predict.ts';
export type { KataRuntimeNames } from './predict.ts';
export { readKataAnnotation } from './annotation.ts';
export type { KataAnnotation } from './annotation.ts';
export { explainKataDecision } from './explain.ts';
export type { KataExplanation } from './explain.ts';
