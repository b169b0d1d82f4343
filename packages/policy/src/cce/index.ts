export { writeAllowAll } from './allow-all.ts';
export { readArmTemplate } from './arm-template.ts';
export type { ArmContainerGroup, ArmTemplate } from './arm-template.ts';
export { compareWithInput } from './compare-with-input.ts';
export type { ContainerComparison, ContainerDifference } from './compare-with-input.ts';
export { mergeDefinitions } from './container-definitions.ts';
export type { PartialContainer } from './container-definitions.ts';
export {
  aciEnvRules,
  platformIdentityEnvRules,
  uncoveredPlatformVariables,
  vn2ServiceEnvRules,
  workloadIdentityEnvRules,
} from './data/default-env-rules.ts';
export { cceGenerations, defaultCceGeneration } from './data/generations.ts';
export type { CceGeneration, CceGenerationLabel } from './data/generations.ts';
export { infrastructureFragment } from './data/infrastructure.ts';
export { pauseContainer } from './data/pause-container.ts';
export { diffCcePolicies } from './diff-policies.ts';
export type { PolicyDiff } from './diff-policies.ts';
export type { Effect, PolicyChange } from './diff-values.ts';
export { cceErrorCodes } from './error-codes.ts';
export { armPolicies, cceAnnotation, virtualNodePolicies } from './existing-policies.ts';
export type { ExistingPolicy } from './existing-policies.ts';
export type { CceFinding } from './finding.ts';
export { generateCce } from './generate.ts';
export type { CceOptions, GeneratedCcePolicy } from './generate.ts';
export { generateDefinitions } from './generate-definitions.ts';
export type { PodDefinitions } from './generate-definitions.ts';
export { generateFragment } from './generate-fragment.ts';
export type { GeneratedFragment } from './generate-fragment.ts';
export { injectArmPolicies, injectVirtualNodePolicies } from './inject.ts';
export type { InjectOptions } from './inject.ts';
export type { CceInput, PolicyTarget } from './input-units.ts';
export { lintCceCarrier, lintCceText } from './lint-policy.ts';
export type { LintOptions } from './lint-policy.ts';
export { cceTextOf, measureCceBase64, measureCceText } from './measure.ts';
export type { CceMeasurement } from './measure.ts';
export { explainMeasurement } from './measure-mismatch.ts';
export type { MeasurementMismatch } from './measure-mismatch.ts';
// Names that the evaluator of the guest's rules uses for what it reads are told apart by a prefix.
export type {
  CapabilitySets as CceCapabilitySets,
  CceContainer,
  CceWarning,
  EnvRule as CceEnvRule,
  ExecProcess as CceExecProcess,
  FragmentImport,
  IdName as CceIdName,
  PolicyMount as CcePolicyMount,
  PolicyUser as CcePolicyUser,
} from './policy-model.ts';
export { pythonJson } from './python-json.ts';
export { readContainerDefinitions } from './read-definitions.ts';
export { readCcePolicy } from './read-policy.ts';
export type { CcePolicyDocument } from './read-policy.ts';
export { fragmentArtifactType, fragmentContentType, fragmentIssuer, signFragment } from './sign-fragment.ts';
export type { FragmentAlgorithm, FragmentSigner, FragmentStatement } from './sign-fragment.ts';
export { importOfFragment, verifyFragment } from './verify-fragment.ts';
export type { VerifiedFragment } from './verify-fragment.ts';
export { writeFragment } from './write-fragment.ts';
export type { FragmentParts } from './write-fragment.ts';
export { writePolicy } from './write-policy.ts';
export type { ContainersFormat, PolicyParts } from './write-policy.ts';
