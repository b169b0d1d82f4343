import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  SKR_REQUEST_INVALID: {
    family: 'request',
    meaning: 'The body of a request is not JSON, lacks a member, or a member is not what it should be.',
    action: 'Send the members that the interface names; runtime_data is standard Base64 with padding.',
  },
  SKR_ENDPOINT_REFUSED: {
    family: 'request',
    meaning: 'maa_endpoint or akv_endpoint is not a host that this sidecar may send evidence or tokens to.',
    action: 'Send a host name without scheme and path, or add the host to allowed_maa_hosts or allowed_akv_hosts.',
  },
  SKR_NOT_READY: {
    family: 'dependency',
    meaning: 'The sidecar has no host certificates yet.',
    action: 'Wait until GET /status says OK.',
  },
  SKR_SETTINGS_INVALID: {
    family: 'config',
    meaning: 'Settings of the sidecar contradict each other, or SkrSideCarArgs is not Base64 of its JSON.',
    action: 'Correct the named setting.',
  },
  SECURITY_CONTEXT_MALFORMED: {
    family: 'malformed',
    meaning: 'A file of the security context is not Base64 of what it should hold.',
    action: 'Check what wrote the folder named by UVM_SECURITY_CONTEXT_DIR.',
  },
  SECURITY_POLICY_UNREADABLE: {
    family: 'policy',
    meaning: 'The policy of the pod is not Base64, so nothing can be said about what runs here.',
    action: 'Check the policy in the manifest of the pod.',
  },
  SNP_DEVICE_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'This process does not run in an SEV-SNP guest that offers reports, so there is nothing to attest.',
    action: 'Run the sidecar in a confidential pod, or choose the simulated report source for development.',
  },
  SNP_REPORT_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'The report source is there and did not yield a usable report.',
    action: 'See the cause; a report source that is busy works again by itself.',
  },
  HOST_CERTIFICATES_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'The certificates of the chip could not be fetched from the host, or from the configured cache.',
    action: 'Check that the certificate endpoint can be reached from the pod.',
  },
  HOST_CERTIFICATES_OUTDATED: {
    family: 'dependency',
    meaning: 'The certificates of the chip belong to another firmware version than its reports, even after a refresh.',
    action: 'Wait for the host to publish certificates for its firmware.',
  },
  ATTESTATION_SERVICE_FAILED: {
    family: 'dependency',
    meaning: 'The attestation service could not be reached, refused the evidence, or its answer cannot be used.',
    action: 'Read the answer in the message: it is what the attestation service says.',
  },
  ATTESTATION_TOKEN_UNBOUND: {
    family: 'verification',
    meaning: 'The token of the attestation service is not about the report and nonce that were sent.',
    action: 'Check which service answers at maa_endpoint.',
  },
  VAULT_TOKEN_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'The pod gets no access token for the vault, neither by workload identity nor from the metadata service.',
    action: 'Attach a managed identity to the pod, configure workload identity, or send access_token.',
  },
  VAULT_RELEASE_FAILED: {
    family: 'dependency',
    meaning: 'The vault could not be reached, refused the release, or its answer cannot be used.',
    action: 'Read the answer in the message; which claim did not meet the policy is in the log of the vault.',
  },
  GRPC_MESSAGE_MALFORMED: {
    family: 'malformed',
    meaning: 'A gRPC message is not one of texts and bytes.',
    action: 'Use the interface definition of key_provider.KeyProviderService.',
  },
  GRPC_LISTEN_FAILED: {
    family: 'dependency',
    meaning: 'The gRPC server cannot open its port.',
    action: 'Stop the program that uses the port, or choose another port.',
  },
  KEY_INFO_UNUSABLE: {
    family: 'malformed',
    meaning: 'The file <key>-info.json, or the public key it names, is missing or cannot be used.',
    action: 'Write it with holdfast key create --files, and name its folder in key_info_folder.',
  },
  LAYER_KEY_UNDECRYPTABLE: {
    family: 'verification',
    meaning: 'A released key does not decrypt the data of an annotation.',
    action: 'Check that the annotation was made for this key.',
  },
};
