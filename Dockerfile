# The audit as a static binary in an image with nothing else but certificates.
FROM golang:1.26-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=""
# A folder for the private copies of databases that are read.
RUN install -d -m 1777 /rootfs/tmp
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.release=${VERSION}" -o /audit ./cmd/audit

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /rootfs /
COPY --from=build /audit /usr/local/bin/audit
USER 65532:65532
ENTRYPOINT ["/usr/local/bin/audit"]
CMD ["now", "--config", "/etc/hubaudit/hubaudit.yaml"]
