import type { ErrorCodeTable } from '@holdfast/base';

/** Codes of the simulated peer pod. */
export const peerPodErrorCodes: ErrorCodeTable = {
  PEER_POD_INVALID: {
    family: 'request',
    meaning: 'The manifest does not have exactly one pod of the runtime class kata-remote that can be read.',
    action: 'Give one pod with runtimeClassName: kata-remote, and the Secrets it names in the same file.',
  },
  PEER_POD_CONFIG_INVALID: {
    family: 'malformed',
    meaning: 'aa.toml or cdh.toml of the initdata is not what the guest component reads.',
    action: 'Run `holdfast initdata inspect` on the document; it names every member that is wrong.',
  },
  PEER_POD_BROKER_ABSENT: {
    family: 'request',
    meaning: 'The initdata of the pod name no key broker for the component that needs one.',
    action: 'Name it in [token_configs.kbs] of aa.toml and [kbc] of cdh.toml, both with the same url.',
  },
  PEER_POD_BROKER_CLIENT_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'cdh.toml asks for a client other than cc_kbc.',
    action: 'Set name = "cc_kbc" in [kbc].',
  },
  PEER_POD_PLATFORM_MISSING: {
    family: 'request',
    meaning: 'A machine with simulated hardware was asked for without the keys of that hardware.',
    action: 'Pass the simulated platform, or take the platform sample.',
  },
  PEER_POD_REPORT_DATA_INVALID: {
    family: 'request',
    meaning: 'The runtime data do not fit into the evidence of the platform.',
    action: 'Pass at most 64 bytes, such as a digest of what is to be bound.',
  },
  PEER_POD_POLICY_REFUSED: {
    family: 'policy',
    meaning: 'policy.rego of the initdata does not allow a request that the pod needs to start.',
    action: 'Allow the named request in policy.rego, then measure the initdata anew and register the new value.',
  },
  PEER_POD_RESOURCE_PATH_INVALID: {
    family: 'request',
    meaning: 'The name of a resource is not repository/type/tag.',
    action: 'Give three segments of letters, digits, "_", "-" and, not at the beginning, ".".',
  },
  PEER_POD_RESOURCE_REFUSED: {
    family: 'policy',
    meaning: 'The key broker attested the guest and does not release the resource to it.',
    action: 'Read the log of the key broker: it says which policy refused, and how the evidence was appraised.',
  },
  PEER_POD_RESOURCE_NOT_FOUND: {
    family: 'request',
    meaning: 'The key broker serves no resources under this address.',
    action: 'Check the address, and that the broker is configured with the plugin resource.',
  },
  PEER_POD_ATTESTATION_REFUSED: {
    family: 'verification',
    meaning: 'The key broker refuses the evidence of the guest.',
    action: 'Read the log of the key broker; its answer never says why.',
  },
  PEER_POD_PROTOCOL_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'The key broker speaks another version of the KBS protocol than 0.4.0.',
    action: 'Take guest components and a key broker of the same release.',
  },
  PEER_POD_BROKER_ANSWER_INVALID: {
    family: 'malformed',
    meaning: 'What answers at the address of the key broker does not speak the KBS protocol.',
    action: 'Check the address, and that no proxy replaces the answers of the broker.',
  },
  PEER_POD_BROKER_DEADLINE: {
    family: 'dependency',
    meaning: 'The key broker did not complete its answers in the time a guest waits.',
    action: 'Check the load of the key broker and the way to it.',
  },
  PEER_POD_REPLY_UNREADABLE: {
    family: 'malformed',
    meaning: 'An encrypted reply of the key broker cannot be opened with the key of the guest.',
    action: 'Check that no proxy changes the answers of the broker.',
  },
  PEER_POD_INTERNAL: {
    family: 'internal',
    meaning: 'The interface of a simulated guest failed in a way that nobody foresaw.',
    action: 'This is a defect of holdfast: report it with what was asked.',
  },
  PEER_POD_EVENT_LOG_DISABLED: {
    family: 'request',
    meaning: 'A workload wants to extend a register, and the guest keeps no event log.',
    action: 'Set enable_eventlog = true in [eventlog_config] of aa.toml, on a platform with a virtual TPM.',
  },
  PEER_POD_FOLDER_UNUSABLE: {
    family: 'dependency',
    meaning: 'A file of the simulated guest cannot be written.',
    action: 'Make the folder of the guest one that this user can write.',
  },
  PEER_POD_SECRET_MALFORMED: {
    family: 'malformed',
    meaning: 'A text that begins with "sealed." is no sealed secret.',
    action: 'Seal the secret anew.',
  },
  PEER_POD_SECRET_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'A sealed secret has a version, algorithm, type or provider that is not known here.',
    action: 'Seal it as version 0.1.0, signed with ES256, with the provider kbs.',
  },
  PEER_POD_SECRET_KEY_UNAVAILABLE: {
    family: 'request',
    meaning: 'The key that a sealed secret is verified or opened with cannot be had, or is no such key.',
    action: 'Store the key as the resource that the secret names.',
  },
  PEER_POD_SECRET_SIGNATURE_INVALID: {
    family: 'verification',
    meaning: 'The signature of a sealed secret does not hold.',
    action: 'Seal the secret anew, with the key that its header names.',
  },
  PEER_POD_SECRET_UNREADABLE: {
    family: 'verification',
    meaning: 'The key of an envelope does not open it.',
    action: 'Seal the secret anew.',
  },
};
