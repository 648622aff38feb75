// Gives a replica somewhere to put its spans: to be loaded before it, as in
//
//   NODE_OPTIONS='--import ./dashboards/otel.mjs' node broker/lockstep.js start --name a …
//
// This one prints each span among the log lines, to see what there is. To have them collected, install an exporter
// (@opentelemetry/exporter-trace-otlp-http, say, which OTEL_EXPORTER_OTLP_ENDPOINT points at a collector) and put it in the
// place of ConsoleSpanExporter; the file may then lie anywhere with its own node_modules. LOCKSTEP_TRACE_SHARE: of the
// publishes whose callers have not decided whether their trace is kept, so many are, from 0 to 1.

import { trace } from '@opentelemetry/api'
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  ConsoleSpanExporter,
  ParentBasedSampler,
  TraceIdRatioBasedSampler,
} from '@opentelemetry/sdk-trace-base'

const share = Number(process.env.LOCKSTEP_TRACE_SHARE ?? 1)

trace.setGlobalTracerProvider(
  new BasicTracerProvider({
    sampler: new ParentBasedSampler({ root: new TraceIdRatioBasedSampler(share) }),
    spanProcessors: [new BatchSpanProcessor(new ConsoleSpanExporter())],
  }),
)
