import type { LaunchFile } from '../domain/launch.ts';

/** Where Tomcat tells whether the web application started; it would serve 404 for one that did not. */
export const READINESS_PATH = '/.openstage/ready';

/** How long requests in flight may take when Tomcat is asked to end; below the platform's own grace. */
const UNLOAD_DELAY_MS = 8_000;

const LOGGING = `handlers = java.util.logging.ConsoleHandler
.handlers = java.util.logging.ConsoleHandler
java.util.logging.ConsoleHandler.level = INFO
java.util.logging.ConsoleHandler.formatter = org.apache.juli.OneLineFormatter
java.util.logging.ConsoleHandler.encoding = UTF-8
`;

/**
 * One web application, as ROOT, on one loopback port. A WAR is unpacked by Tomcat into the replica's directory, because
 * applications of Tomcat 8's time write below their own root. No shutdown port, no AJP, no scan for new applications.
 */
export function tomcatFiles(docBase: string, webXml: string): readonly LaunchFile[] {
  const server = `<?xml version="1.0" encoding="UTF-8"?>
<Server port="-1">
  <Service name="Catalina">
    <Connector address="127.0.0.1" port="{{port}}" protocol="HTTP/1.1" URIEncoding="UTF-8" connectionTimeout="20000"/>
    <Engine name="Catalina" defaultHost="localhost">
      <Valve className="org.apache.catalina.valves.RemoteIpValve" protocolHeader="X-Forwarded-Proto"/>
      <Valve className="org.apache.catalina.valves.HealthCheckValve" path="${READINESS_PATH}" checkContainersAvailable="true"/>
      <Host name="localhost" appBase="webapps" autoDeploy="false" deployOnStartup="false" unpackWARs="true">
        <Context path="" docBase="${escapeXml(docBase)}" defaultWebXml="${escapeXml(webXml)}" unloadDelay="${UNLOAD_DELAY_MS}"/>
      </Host>
    </Engine>
  </Service>
</Server>
`;
  return [
    { path: 'conf/server.xml', content: server },
    { path: 'conf/logging.properties', content: LOGGING },
  ];
}

const escapeXml = (text: string): string => text.replace(/[&<>"]/g, (letter) => `&#${letter.charCodeAt(0)};`);
