import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  LAUNCH_SETTING_MISSING: {
    family: 'config',
    meaning: 'E03: a variable that every manifest sets is missing; the message lists all of them.',
    action: 'Set the named variables in the manifest of the operator.',
  },
  LAUNCH_SETTING_INVALID: {
    family: 'config',
    meaning: 'E04: environment, debug mode or an address contradicts its format or the environment.',
    action: 'Align the named values with their format and with the environment; debug mode is for integ only.',
  },
  OPERATOR_KEY_NOT_FOUND: {
    family: 'dependency',
    meaning: 'E02: the vault has no secret with the configured name.',
    action: 'Check the names of the vault and of the secret.',
  },
  OPERATOR_KEY_ENVIRONMENT: {
    family: 'config',
    meaning: 'E05: the operator key was issued for another environment.',
    action: 'Store the operator key that was issued for this environment in the vault.',
  },
  OPERATOR_KEY_FORBIDDEN: {
    family: 'dependency',
    meaning: 'E08: the identity of the operator may not read the operator key.',
    action: 'Give the identity the role "Key Vault Secrets User" on the vault; a new role can take minutes to work.',
  },
  OPERATOR_KEY_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'The vault that holds the operator key cannot be reached or gives no usable answer.',
    action: 'Check name resolution and egress rules for the vault.',
  },
  UID2_SERVICES_UNREACHABLE: {
    family: 'dependency',
    meaning: 'E06: Core does not answer.',
    action: 'Open the egress firewall for the hosts of Core and Opt-Out, and check name resolution.',
  },
  SIDECAR_UNREACHABLE: {
    family: 'dependency',
    meaning: 'The attestation sidecar accepted no connection within the time a pod needs to start.',
    action: 'Read the log of the sidecar container (skr) in the same pod.',
  },
  STARTUP_METADATA_FAILED: {
    family: 'dependency',
    meaning: 'The metadata of a store could not be had at start-up.',
    action: 'Check that Core runs and can be reached; the operator is to be restarted by its supervisor.',
  },
  ATTESTATION_REFUSED: {
    family: 'verification',
    meaning: 'Core refused the operator key (401) or the evidence (403); the operator ended at once.',
    action: 'Check the operator key, and that this release is on the allow-list of Core.',
  },
  ATTESTATION_FAILED_TOO_LONG: {
    family: 'dependency',
    meaning: 'Core answered attestation with failures for more than 12 hours.',
    action: 'Ask the administrator of Core why it fails.',
  },
  SALTS_EXPIRED_TOO_LONG: {
    family: 'dependency',
    meaning: 'The salts in use have been expired for longer than their limit.',
    action: 'Check the salt refresh in the log; ask the administrator of Core for current salts.',
  },
  STORE_STALE_TOO_LONG: {
    family: 'dependency',
    meaning: 'A store has had no successful refresh for longer than its limit.',
    action:
      'Check that Core and its storage can be reached (outbound 443, DNS) and read the errors of the named store.',
  },
  OPTOUT_LIST_UNUSABLE: {
    family: 'malformed',
    meaning:
      'The opt-out list names files that are no opt-out files, names one twice, or only files of another folder.',
    action: 'Set optout_s3_folder to the folder that the Opt-Out service writes to, and keep other files out of it.',
  },
  OPTOUT_FILE_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'A listed opt-out file could not be read; the whole sync counts as failed.',
    action: 'Check that the storage of the Opt-Out service can be reached; the sync is tried again.',
  },
  OPTOUT_SYNC_STOPPED: {
    family: 'dependency',
    meaning: 'An opt-out sync was under way when the operator was told to stop.',
    action: 'Nothing to do.',
  },
  OPTOUT_WRITE_FAILED: {
    family: 'dependency',
    meaning: 'The Opt-Out service did not take an opt-out.',
    action: 'Check the Opt-Out service, and that the operator key has the role OPTOUT.',
  },
  OPTOUT_LIST_NOT_LOADED: {
    family: 'internal',
    meaning: 'The opt-out index was read before it existed.',
    action: 'Report this as a defect.',
  },
  SALTS_NOT_LOADED: {
    family: 'internal',
    meaning: 'A request was served before any salts were loaded.',
    action: 'Report this as a defect.',
  },
  SALT_ENTRY_MISSING: {
    family: 'internal',
    meaning: 'A caller asked for the salt buckets, but the salt file has fewer lines than its metadata announce.',
    action: 'Publish the salt file again with as many lines as its size.',
  },
  KEYSET_MISSING: {
    family: 'internal',
    meaning: 'A key exists whose keyset does not.',
    action: 'Publish keysets and keyset keys that belong together.',
  },
  MASTER_KEY_MISSING: {
    family: 'internal',
    meaning: 'No master key is active, so the keys of SDKs would be of no use.',
    action: 'Publish a master key that is active now.',
  },
  PLAIN_REFRESH_UNSUPPORTED: {
    family: 'unsupported',
    meaning: 'A token was to be refreshed while enable_v2_encryption is false, which the reference cannot do either.',
    action: 'Set enable_v2_encryption to true; false is for trying out the other routes.',
  },
  SERVICE_UNKNOWN: {
    family: 'internal',
    meaning: 'A valid service link belongs to a service that is not among the services.',
    action: 'Publish services and service links that belong together.',
  },
  PAYLOAD_MISSING: {
    family: 'request',
    meaning: 'A caller sent an envelope without payload to an endpoint that needs one.',
    action: 'Send the JSON that the endpoint documents.',
  },
  MAP_ELEMENT_NULL: {
    family: 'request',
    meaning: 'A caller sent null among the identities to map.',
    action: 'Leave out identities that do not exist.',
  },
  SERVING_THREAD_LOST: {
    family: 'internal',
    meaning:
      'A thread that served the API ended by itself, for instance for lack of memory; the operator ends with it.',
    action: 'Look for the reason in the log; give the operator more memory, or set service_instances to fewer.',
  },
  SERVING_WORLD_MISSING: {
    family: 'internal',
    meaning: 'A serving thread was to answer a request before it was given the stores.',
    action: 'Report this as a defect.',
  },
  THREAD_SILENT: {
    family: 'dependency',
    meaning: 'A thread of the operator did not answer another one in time; health is bad while this lasts.',
    action: 'Look at the processors: they may be starved. If it stays, restart the operator and report a defect.',
  },
  FILE_THREAD_LOST: {
    family: 'internal',
    meaning:
      'A thread that read salts or opt-outs ended before it was done, for instance for lack of memory; they are fetched again.',
    action: 'Look for the reason in the log; give the operator more memory.',
  },
  MAP_WORKER_LOST: {
    family: 'internal',
    meaning:
      'A thread that mapped a request ended before it was done, for instance for lack of memory; it is replaced.',
    action: 'Look for the reason in the log; give the operator more memory, or set map_workers to fewer.',
  },
  MAP_WORLD_MISSING: {
    family: 'internal',
    meaning: 'A thread was to map a request before it was given any salts.',
    action: 'Report this as a defect.',
  },
};
