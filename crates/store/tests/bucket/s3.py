"""A bucket for tests: what an S3-compatible host requires of whoever brings, reads, lists and deletes.

    s3.py DIRECTORY ACCESS_KEY SECRET_KEY

Prints its port. Objects are files below DIRECTORY, at /BUCKET/KEY. Every request must be signed (AWS Signature Version 4,
computed here by hmac and hashlib alone) over the very body that came, with a date of now; parts but the last have 5 MiB at
least. While a file named `refuse` lies in DIRECTORY, everything is answered with 503.
"""
import datetime, hashlib, hmac, os, re, sys, urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HOME, ACCESS, SECRET = sys.argv[1:4]
UPLOADS = {}


def keyed(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


class Bucket(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def refuse(self, status, code):
        self.answer(status, f"<Error><Code>{code}</Code><Message>{code}</Message></Error>".encode())

    def is_signed(self, url, body):
        found = re.fullmatch(
            r"AWS4-HMAC-SHA256 Credential=([^/]+)/(\d{8})/([^/]+)/s3/aws4_request, ?"
            r"SignedHeaders=([^,]+), ?Signature=([0-9a-f]{64})",
            self.headers.get("Authorization", ""),
        )
        if not found:
            return False
        access, day, region, names, signature = found.groups()
        moment = self.headers.get("x-amz-date", "")
        sent = datetime.datetime.strptime(moment, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
        late = abs((datetime.datetime.now(datetime.timezone.utc) - sent).total_seconds())
        digest = self.headers.get("x-amz-content-sha256")
        if access != ACCESS or not moment.startswith(day) or late > 900 or "host" not in names.split(";"):
            return False
        if digest != hashlib.sha256(body).hexdigest():
            return False
        quote = lambda text: urllib.parse.quote(text, safe="-_.~")
        query = sorted((quote(k), quote(v)) for k, v in urllib.parse.parse_qsl(url.query, True))
        headers = "".join(f"{name}:{' '.join(self.headers.get(name, '').split())}\n" for name in names.split(";"))
        request = "\n".join(
            [self.command, url.path, "&".join(f"{k}={v}" for k, v in query), headers, names, digest]
        )
        scope = f"{day}/{region}/s3/aws4_request"
        text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
        key = keyed(keyed(keyed(keyed(b"AWS4" + SECRET.encode(), day), region), "s3"), "aws4_request")
        return hmac.compare_digest(hmac.new(key, text.encode(), hashlib.sha256).hexdigest(), signature)

    def handle_request(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if os.path.exists(os.path.join(HOME, "refuse")):
            return self.refuse(503, "ServiceUnavailable")
        url = urllib.parse.urlsplit(self.path)
        if not self.is_signed(url, body):
            return self.refuse(403, "SignatureDoesNotMatch")
        query = dict(urllib.parse.parse_qsl(url.query, True))
        path = os.path.normpath(HOME + urllib.parse.unquote(url.path))
        if query.get("list-type") == "2":
            return self.list(path, query.get("prefix", ""))
        getattr(self, "on_" + self.command.lower())(path, query, body)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = handle_request

    def on_put(self, path, query, body):
        if "partNumber" in query:
            UPLOADS[query["uploadId"]][int(query["partNumber"])] = body
        else:
            self.keep(path, body)
        self.answer(200, ETag=f'"{hashlib.md5(body).hexdigest()}"')

    def keep(self, path, body):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(body)

    def on_post(self, path, query, body):
        if "uploads" in query:
            upload = f"upload-{len(UPLOADS)}"
            UPLOADS[upload] = {}
            told = f"<UploadId>{upload}</UploadId>"
            return self.answer(200, f"<InitiateMultipartUploadResult>{told}</InitiateMultipartUploadResult>".encode())
        parts = [part for _, part in sorted(UPLOADS.pop(query["uploadId"]).items())]
        if any(len(part) < 5 << 20 for part in parts[:-1]):
            return self.refuse(400, "EntityTooSmall")
        self.keep(path, b"".join(parts))
        told = '<ETag>"whole"</ETag>'
        self.answer(200, f"<CompleteMultipartUploadResult>{told}</CompleteMultipartUploadResult>".encode())

    def on_delete(self, path, query, body):
        if "uploadId" in query:
            UPLOADS.pop(query["uploadId"], None)
        elif os.path.exists(path):
            os.remove(path)
        self.answer(204)

    def on_head(self, path, query, body):
        self.on_get(path, query, body)

    def on_get(self, path, query, body):
        if not os.path.isfile(path):
            return self.refuse(404, "NoSuchKey")
        with open(path, "rb") as file:
            whole = file.read()
        about = {"ETag": '"whole"', "Last_Modified": "Tue, 02 Jun 2026 15:00:00 GMT"}
        asked = re.fullmatch(r"bytes=(\d+)-(\d+)", self.headers.get("Range", ""))
        if asked:
            first, last = int(asked[1]), min(int(asked[2]), len(whole) - 1)
            about["Content_Range"] = f"bytes {first}-{last}/{len(whole)}"
            return self.answer(206, whole[first : last + 1], **about)
        self.answer(200, whole, Content_Length=str(len(whole)), **about)

    def list(self, bucket, prefix):
        found = []
        for folder, _, names in os.walk(bucket):
            for name in names:
                path = os.path.join(folder, name)
                key = os.path.relpath(path, bucket)
                if key.startswith(prefix):
                    found.append((key, os.path.getsize(path)))
        contents = "".join(
            f"<Contents><Key>{key}</Key><LastModified>2026-06-02T15:00:00.000Z</LastModified>"
            f'<ETag>"whole"</ETag><Size>{size}</Size></Contents>'
            for key, size in sorted(found)
        )
        told = f"<ListBucketResult><IsTruncated>false</IsTruncated>{contents}</ListBucketResult>"
        self.answer(200, told.encode(), Content_Type="application/xml")


server = ThreadingHTTPServer(("127.0.0.1", 0), Bucket)
print(server.server_address[1], flush=True)
server.serve_forever()
