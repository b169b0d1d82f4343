export { assignmentDifference, desiredAssignments } from './assignments.ts';
export type { AssignmentDifference, AssignmentWorld, DesiredAssignments } from './assignments.ts';
export { podIdentityDefinitions } from './definitions.ts';
export {
  boundIdentities,
  chooseAssignedIdentity,
  chooseManagedIdentity,
  isExcepted,
  lookAtAssignments,
  noIdentityText,
} from './matching.ts';
export type { AssignedStates, AssignmentLook, MatchingRules, RequestedIdentity } from './matching.ts';
export * from './migration/index.ts';
export {
  assertIdentityResourceId,
  ASSIGNED_FINALIZER,
  assignedIdentityName,
  assignedIdentityNamespace,
  BINDING_LABEL,
  choosesKubenet,
  identityTypes,
  isIdentityResourceId,
  labelsOf,
  NODE_LABEL,
  oldMemberNames,
  ownersOf,
  POD_IDENTITY_API,
  POD_IDENTITY_GROUP,
  podIdentityKinds,
  readAzureAssignedIdentity,
  readAzureIdentity,
  readAzureIdentityBinding,
  readAzurePodIdentityException,
  redactClientId,
} from './resources.ts';
export type {
  AssignedStatus,
  AzureAssignedIdentity,
  AzureIdentity,
  AzureIdentityBinding,
  AzurePodIdentityException,
  ObjectIdentity,
  SecretReference,
} from './resources.ts';
