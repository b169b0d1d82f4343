import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  ADMISSION_REVIEW_INVALID: {
    family: 'malformed',
    meaning: 'A request to the webhook is no AdmissionReview of admission.k8s.io/v1 or v1beta1.',
    action: 'Call it through a MutatingWebhookConfiguration; only API servers speak to it.',
  },
  QUANTITY_INVALID: {
    family: 'malformed',
    meaning: 'A text is no Kubernetes quantity.',
    action: 'Write amounts as 500m, 2 or 1.5Gi.',
  },
  AZURE_CLOUD_UNKNOWN: {
    family: 'config',
    meaning: 'There is no Azure cloud with the configured name.',
    action: 'Use AzurePublicCloud, AzureUSGovernmentCloud, AzureChinaCloud, AzureGermanCloud or AzureStackCloud.',
  },
  IDENTITY_RESOURCE_ID_INVALID: {
    family: 'request',
    meaning: 'A text that should name a user-assigned managed identity has another shape.',
    action: 'Copy the id from az identity show, member id.',
  },
  TOKEN_EXPIRATION_INVALID: {
    family: 'request',
    meaning: 'The lifetime asked for service account tokens is no duration between one hour and one day.',
    action: 'Write a duration between 1h and 24h.',
  },
  OWNER_UNSUPPORTED: {
    family: 'request',
    meaning: 'A pod to migrate comes from an object whose pod template is not known, or that does not exist.',
    action: 'Change the object that makes the pods by hand; docs/guides/identity.md says what is needed.',
  },
  SERVICE_ACCOUNT_MISSING: {
    family: 'request',
    meaning: 'A workload to migrate names a service account that is not among the input.',
    action: 'Give its manifest along with that of the workload, or read the cluster with --cluster.',
  },
};
