import { createInterface } from 'node:readline';
import { BasicCredentials } from '@huaweicloud/huaweicloud-sdk-core';
import { ClientBuilder } from '@huaweicloud/huaweicloud-sdk-core/ClientBuilder.js';
import type { HcClient } from '@huaweicloud/huaweicloud-sdk-core/HcClient.js';
import { Region } from '@huaweicloud/huaweicloud-sdk-core/region/region.js';
import { operations, type Operation } from './operations.ts';

/**
 * The official core client for Node. It has no ServiceStage package, so that calls are made by method and path.
 * It has no switch for a certificate of one's own either: NODE_EXTRA_CA_CERTS names the platform's.
 */
const place: {
  readonly mode: 'keys' | 'region' | 'environment';
  readonly endpoint: string;
  readonly region: string;
  readonly ak: string;
  readonly sk: string;
  readonly projectId: string;
  readonly securityToken?: string;
} = JSON.parse(process.env['DRIVER'] ?? '{}');

function connect(): HcClient {
  const builder = new ClientBuilder<HcClient>((client) => client);
  const keys = new BasicCredentials().withAk(place.ak).withSk(place.sk);
  switch (place.mode) {
    case 'keys':
      return builder
        .withCredential(keys.withProjectId(place.projectId).withSecurityToken(place.securityToken))
        .withEndpoint(place.endpoint)
        .build();
    case 'region':
      return builder
        .withCredential(keys.withIamEndpoint(place.endpoint))
        .withRegion(new Region(place.region, place.endpoint))
        .build();
    case 'environment':
      return builder.withRegion(new Region(place.region, place.endpoint)).build();
  }
}

const client = connect();

interface Call {
  readonly operation: Operation;
  readonly parameters: Readonly<Record<string, string>>;
  readonly body?: Readonly<Record<string, unknown>>;
}

async function answer({ operation, parameters, body }: Call) {
  const [method, url] = operations[operation];
  const named = Object.entries(parameters);
  const pathParams = Object.fromEntries(named.filter(([name]) => url.includes(`{${name}}`)));
  const header = parameters['X-Repo-Auth'];
  const queryParams = Object.fromEntries(
    named.filter(([name]) => !(name in pathParams) && name !== 'X-Repo-Auth'),
  );
  try {
    const { httpStatusCode: status, ...detail } = await client.sendRequest({
      method,
      url,
      contentType: 'application/json',
      queryParams,
      pathParams,
      headers: header === undefined ? {} : { 'X-Repo-Auth': header },
      ...(body && { data: body }),
    });
    return { operation, ok: true, status, detail };
  } catch (error) {
    const { httpStatusCode: status, errorCode, errorMsg, requestId } = Object(error);
    const detail = { error_code: errorCode, error_msg: errorMsg ?? String(error), request_id: requestId };
    return { operation, ok: false, status: status ?? 0, detail };
  }
}

for await (const line of createInterface({ input: process.stdin }))
  console.log(JSON.stringify(await answer(JSON.parse(line))));
