import type { ErrorCodeTable } from '@holdfast/base';

export const errorCodes: ErrorCodeTable = {
  OPTOUT_QUEUE_UNUSABLE: {
    family: 'dependency',
    meaning: 'The folder of accepted opt-outs could not be read or written, so no opt-out can be accepted.',
    action: 'Check that the folder belongs to the user of the service and that its disk is not full.',
  },
  OPTOUT_JWT_KEY_UNUSABLE: {
    family: 'config',
    meaning: 'A file with a public key of Core cannot be read or holds no RSA key.',
    action: 'Write the RSA public key of Core in PEM (SPKI) to the named file.',
  },
  OPTOUT_JWT_FOREIGN: {
    family: 'verification',
    meaning:
      'A valid JWT of Core was presented by another operator than it names, or does not grant the role OPERATOR.',
    action: 'Attest again with the operator key that is in use; check its roles.',
  },
  OPTOUT_TRAFFIC_SETTINGS: {
    family: 'config',
    meaning: 'The file with the deny-list, or the one with the traffic limit, cannot be read or is wrong.',
    action: 'Correct the named file; until then accepted opt-outs stay in the queue.',
  },
  OPTOUT_PARTNER_FAILED: {
    family: 'dependency',
    meaning: 'A partner refused an opt-out, or did not answer, so often that its batch is put off.',
    action: 'Check the address and the headers of the partner; the batch is sent again after an hour.',
  },
};
