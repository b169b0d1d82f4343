import type { ErrorCodeTable } from '@holdfast/base';

import { azureErrorCodes } from './azure/error-codes.ts';
import { kubernetesErrorCodes } from './kubernetes/api/error-codes.ts';
import { peerPodErrorCodes } from './peer-pod/error-codes.ts';

export const errorCodes: ErrorCodeTable = {
  LAYER_PATH_UNSAFE: {
    family: 'malformed',
    meaning: 'A layer of an image has a member outside of the image.',
    action: 'Build the image anew.',
  },
  ...azureErrorCodes,
  ...kubernetesErrorCodes,
  ...peerPodErrorCodes,
  HOME_UNUSABLE: {
    family: 'dependency',
    meaning: 'The home folder cannot be made, read or written.',
    action: 'Make it a folder this user can read and write, or choose another one with --home.',
  },
  HOME_FOREIGN: {
    family: 'dependency',
    meaning: 'The folder named as home holds files of something else.',
    action: 'Choose an empty or new folder with --home.',
  },
  HOME_IN_USE: {
    family: 'dependency',
    meaning: 'Another process runs a local cloud in this home folder.',
    action: 'Stop that process, or choose another folder with --home and other ports with --port-base.',
  },
  WORLD_CORRUPT: {
    family: 'malformed',
    meaning: 'A file of the seeded world, or one of its keys, is damaged.',
    action: 'Restore the file, or delete the home folder; the next start makes a new world.',
  },
  WORLD_EXPIRED: {
    family: 'verification',
    meaning: 'The salts of the seeded world are no longer effective.',
    action: 'Delete the home folder; the next start makes a new world.',
  },
  WORLD_SIZE_INVALID: {
    family: 'request',
    meaning: 'A world cannot have that many salts.',
    action: 'Give --salts a number from 1 to 1048576.',
  },
  WORLD_SIZE_DIFFERS: {
    family: 'request',
    meaning: 'The existing world has another number of salts than was asked for.',
    action: 'Leave --salts out, delete the home folder, or choose another one with --home.',
  },
  CREDENTIALS_UNREADABLE: {
    family: 'malformed',
    meaning: 'The credentials file of a home folder is missing or damaged.',
    action: 'Run `holdfast up` once, or name the home folder of a running one with --home.',
  },
  LOOPBACK_ADDRESS_UNAVAILABLE: {
    family: 'dependency',
    meaning: 'There is no free loopback address for a pod or a load balancer of the local cluster.',
    action:
      'Stop other local clouds. The machine must let programs listen on all of 127.0.0.0/8, as Linux and Windows do.',
  },
  MANIFEST_INVALID: {
    family: 'malformed',
    meaning: 'A manifest is not one that a virtual node can run.',
    action: 'Correct the manifest. If it is the one of a home folder: deleting that makes a new one.',
  },
  POD_NOT_STARTED: {
    family: 'dependency',
    meaning: 'A pod could not be started in the local cloud: its guest, its policy or its images stand against it.',
    action: 'Read the reason, and correct the manifest, or generate its policy anew.',
  },
  NODE_SETTINGS_INVALID: {
    family: 'malformed',
    meaning: "The virtual node's settings file is damaged.",
    action: 'Write {"guest":{"debug":false}} into it, or delete it.',
  },
  PORT_BASE_INVALID: {
    family: 'request',
    meaning: 'The first port is not a number that leaves room for all ports.',
    action: 'Give --port-base a number from 1 to 65525.',
  },
  CLUSTER_PORT_TAKEN: {
    family: 'dependency',
    meaning: 'Another program has taken the port of a cluster beside the first one, so its issuer has another address',
    action: 'Apply the deployment of the cluster again, so that its federated credentials name the new issuer.',
  },
  CLUSTER_WITHOUT_AZURE: {
    family: 'internal',
    meaning: 'A cluster was opened before the Azure endpoints were there',
    action: 'Report it.',
  },
  PORT_IN_USE: {
    family: 'dependency',
    meaning: 'A port that the local cloud needs is taken.',
    action: 'Stop the program that uses it, or move all ports with --port-base.',
  },
  LOCAL_CLOUD_PART_UNKNOWN: {
    family: 'request',
    meaning: 'A part of the local cloud was named that does not exist.',
    action: 'Name parts out of azure, attestation, core, optout, operator, joined with commas.',
  },
  REDIS_SERVER_FAILED: {
    family: 'dependency',
    meaning: 'The redis-server that stands for an Azure Cache for Redis does not start, or does not answer.',
    action: 'Read logs/redis-NAME.log in the home folder. Version 6 or newer, with TLS, is needed.',
  },
  PROCESS_NOT_STARTED: {
    family: 'dependency',
    meaning: 'A program could not be run as a child process.',
    action: 'Check that the program exists, and that this user may run it and write the log folder.',
  },
  SERVICE_EXITED: {
    family: 'dependency',
    meaning: 'A service of the local cloud ended while it was starting.',
    action: 'Read its log in the home folder; the message holds the last line.',
  },
  SERVICE_NOT_READY: {
    family: 'dependency',
    meaning: 'A service of the local cloud did not become healthy in time.',
    action: 'Read its log in the home folder.',
  },
  OPERATOR_NOT_STARTED: {
    family: 'dependency',
    meaning: "The operator's pod could not be started from its manifest.",
    action: 'Correct the operator manifest in the home folder.',
  },
  OPERATOR_EXITED: {
    family: 'dependency',
    meaning: "A container of the operator's pod ended before the operator was ready.",
    action: 'The message says what to do; the whole log is in the logs folder of the home folder.',
  },
  OPERATOR_NEEDS_AZURE: {
    family: 'request',
    meaning: 'The operator of a local cloud is deployed through its Azure endpoints, and they were not asked for.',
    action: 'Name azure as well with --only.',
  },
  OPERATOR_NOT_READY: {
    family: 'dependency',
    meaning: 'The operator did not become ready in time.',
    action: 'Read the logs in the home folder.',
  },
  OPERATOR_NOT_PROVED: {
    family: 'verification',
    meaning: 'The operator runs, but a request from outside did not get the right answer.',
    action: "Read the operator's log in the home folder, and its /ops/status.",
  },
  UID2_SECRET_INVALID: {
    family: 'request',
    meaning: 'A client secret is not Base64 of 32 bytes.',
    action: 'Copy the secret that belongs to the API key, whole.',
  },
  UID2_REQUEST_REFUSED: {
    family: 'request',
    meaning: 'The operator refused a request.',
    action: 'Correct the input, or check the API key and its roles.',
  },
  UID2_OPERATOR_FAILED: {
    family: 'dependency',
    meaning: 'The operator could not answer.',
    action: 'Look at the log of the operator and at its /ops/status.',
  },
  UID2_ANSWER_MALFORMED: {
    family: 'malformed',
    meaning: 'An answer is not what a UID2 operator sends.',
    action: 'Check that the address belongs to a UID2 operator.',
  },
  ADVERTISING_TOKEN_EXPIRED: {
    family: 'verification',
    meaning: 'The token is genuine and its time is over.',
    action: 'Refresh the token, or generate a new one.',
  },
};
