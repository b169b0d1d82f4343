import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  KUBERNETES_KUBECONFIG_INVALID: {
    family: 'dependency',
    meaning: 'The kubeconfig cannot be read, or its current context names no cluster that can be talked to safely.',
    action: 'Get a new kubeconfig for the cluster, and check its current-context.',
  },
  KUBERNETES_CREDENTIALS_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'The user of the kubeconfig yields no credentials: a file is missing, or the command for tokens failed.',
    action: 'Check the user of the kubeconfig: its files, and the command that gets its tokens.',
  },
  KUBERNETES_REFUSED: {
    family: 'dependency',
    meaning: 'The API server refuses a call; details.reason and the message are its own.',
    action: 'Correct what the message names.',
  },
  KUBERNETES_CONFLICT: {
    family: 'dependency',
    meaning:
      'An object exists already, was changed by somebody else, or has fields of another manager, which details.managers and details.fields name.',
    action: 'Read the object again, or take the fields over on purpose.',
  },
  KUBERNETES_KIND_UNKNOWN: {
    family: 'dependency',
    meaning: 'The API server has no kind of this name in this group and version.',
    action: 'Install what brings the custom resource, or check apiVersion and kind.',
  },
  KUBERNETES_UNREACHABLE: {
    family: 'dependency',
    meaning: 'The API server could not be reached, or failed.',
    action: 'Check name resolution, egress rules, authorised address ranges, and the health of the cluster.',
  },
  KUBERNETES_TIMEOUT: {
    family: 'dependency',
    meaning: 'The API server did not answer before the deadline.',
    action: 'Run the command again; it goes on where it stopped.',
  },
  KUBERNETES_INTERRUPTED: {
    family: 'dependency',
    meaning: 'A call to the API server was stopped by whoever made it.',
    action: 'Run the command again.',
  },
  KUBERNETES_ANSWER_UNUSABLE: {
    family: 'dependency',
    meaning: 'Something that is no API server answered, or an answer is not what the Kubernetes API says.',
    action: 'Check the address of the cluster, and that no proxy answers in its place.',
  },
  CLUSTER_UNKNOWN: {
    family: 'config',
    meaning: 'A service does not know which cluster it belongs to.',
    action: 'Set kubeconfig_file, or run the service in a pod.',
  },
};
