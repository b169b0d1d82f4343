import type { ErrorCodeTable } from '@holdfast/base';

export const kubernetesErrorCodes: ErrorCodeTable = {
  KUBERNETES_REQUEST_REFUSED: {
    family: 'request',
    meaning:
      'The local cluster refuses a request; the reason is one of the Kubernetes API (NotFound, Conflict, Invalid, …).',
    action: 'Read the message: it names the object and the field.',
  },
  KUBERNETES_PROTOBUF_MALFORMED: {
    family: 'malformed',
    meaning: 'A request to the local cluster is not the protobuf it claims to be.',
    action: 'Send JSON or YAML.',
  },
  KUBERNETES_WEBHOOK_FAILED: {
    family: 'dependency',
    meaning: 'An admission webhook of the local cluster did not answer as it should.',
    action: 'Check that the service behind the webhook runs and that the caBundle is the authority of its certificate.',
  },
};
