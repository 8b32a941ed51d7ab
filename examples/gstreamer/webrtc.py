#!/usr/bin/python3
"""
Publishes to a room by WHIP, or plays one by WHEP, with GStreamer's webrtcbin. Debian packages: python3-gi,
gir1.2-gst-plugins-bad-1.0, gstreamer1.0-nice, gstreamer1.0-plugins-{base,good,bad}.

    webrtc.py publish http://localhost:3000/whip/tea [--token T] [--codec VP8|VP9|H264] [--sound S] [--picture P]
    webrtc.py play    http://localhost:3000/whep/tea [--token T] [--codec VP8|VP9|H264]

It runs until it is ended by Ctrl-C, then ends the session. What was played is printed every half second, as JSON.
"""
import argparse
import json
import signal
import sys
import urllib.error
import urllib.request
from urllib.parse import urljoin

import gi

gi.require_version('Gst', '1.0')
gi.require_version('GstSdp', '1.0')
gi.require_version('GstWebRTC', '1.0')
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

SOUND = 'audiotestsrc is-live=true wave=ticks ! audio/x-raw,rate=48000,channels=2 ! opusenc'
PICTURE = 'videotestsrc is-live=true ! video/x-raw,width=640,height=360,framerate=25/1 ! videoconvert'
# Encoder and payloader. A publisher is asked for key frames by those who come later.
CODECS = {
    'VP8': (
        'vp8enc deadline=1 cpu-used=8 target-bitrate=500000 keyframe-max-dist=250',
        'rtpvp8pay pt=96 picture-id-mode=2',
    ),
    'VP9': (
        'vp9enc deadline=1 cpu-used=8 target-bitrate=500000 keyframe-max-dist=250',
        'rtpvp9pay pt=96 picture-id-mode=2',
    ),
    'H264': (
        'x264enc tune=zerolatency speed-preset=ultrafast bitrate=500 key-int-max=250 ! '
        'video/x-h264,profile=constrained-baseline',
        'rtph264pay pt=96 config-interval=-1 aggregate-mode=zero-latency',
    ),
}
AUDIO = 'application/x-rtp,media=audio,encoding-name=OPUS,payload=97,clock-rate=48000,encoding-params=(string)2'
VIDEO = 'application/x-rtp,media=video,encoding-name={},payload=96,clock-rate=90000'
# What a player must say of H.264 to be sent any.
PROFILE = {'H264': ',packetization-mode=(string)1,profile-level-id=(string)42e01f'}


def request(method, url, token, body=None, kind='application/sdp'):
    headers = {'Content-Type': kind} if body is not None else {}
    if token:
        headers['Authorization'] = f'Bearer {token}'
    data = body.encode() if body is not None else None
    return urllib.request.urlopen(urllib.request.Request(url, data, headers, method=method))


class Session:
    def __init__(self, options, loop):
        self.options, self.loop, self.played = options, loop, {}
        self.location = self.failure = None
        video = VIDEO.format(options.codec)
        streams = ''
        if options.command == 'publish':
            if options.sound:
                streams += f'{options.sound} ! rtpopuspay pt=97 ! {AUDIO} ! peer. '
            if options.picture:
                encoder, payloader = CODECS[options.codec]
                streams += f'{options.picture} ! {encoder} ! {payloader} ! {video} ! peer. '
        self.pipeline = Gst.parse_launch(f'pipeline. ( webrtcbin name=peer bundle-policy=max-bundle {streams} )')
        self.peer = self.pipeline.get_by_name('peer')
        self.peer.connect('on-negotiation-needed', self.offer)
        self.peer.connect('pad-added', self.receive)
        directions = GstWebRTC.WebRTCRTPTransceiverDirection
        if options.command == 'play':
            for caps in (AUDIO, video + PROFILE.get(options.codec, '')):
                self.peer.emit('add-transceiver', directions.RECVONLY, Gst.Caps.from_string(caps))
        else:
            for index in range(bool(options.sound) + bool(options.picture)):
                self.peer.emit('get-transceiver', index).set_property('direction', directions.SENDONLY)
        self.pipeline.set_state(Gst.State.PLAYING)

    def offer(self, peer):
        def made(promise):
            # The description lies in the reply, so the reply must live as long as it.
            self.reply = promise.get_reply()
            offer = self.reply.get_value('offer')
            peer.emit('set-local-description', offer, None)
            text = offer.sdp.as_text()
            GLib.idle_add(self.exchange, text)

        peer.emit('create-offer', None, Gst.Promise.new_with_change_func(made))

    def exchange(self, offer):
        try:
            with request('POST', self.options.url, self.options.token, offer) as response:
                self.location = urljoin(self.options.url, response.headers['Location'])
                text = response.read()
        except urllib.error.URLError as error:
            self.failure = f'{error} {error.read().decode()}' if hasattr(error, 'read') else str(error)
            self.loop.quit()
            return
        _, sdp = GstSdp.SDPMessage.new()
        GstSdp.sdp_message_parse_buffer(text, sdp)
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.peer.emit('set-remote-description', answer, None)
        print(json.dumps({'session': self.location}), flush=True)

    def receive(self, peer, pad):
        if pad.direction != Gst.PadDirection.SRC:
            return
        decoder = Gst.ElementFactory.make('decodebin')
        decoder.connect('pad-added', self.play)
        self.pipeline.add(decoder)
        decoder.sync_state_with_parent()
        pad.link(decoder.get_static_pad('sink'))

    def play(self, decoder, pad):
        shape = pad.get_current_caps().get_structure(0)
        kind = shape.get_name().split('/')[0]
        count = self.played.setdefault(kind, {'buffers': 0})
        sink = Gst.ElementFactory.make('fakesink')
        sink.set_property('sync', False)
        sink.set_property('signal-handoffs', True)

        def handed(_sink, buffer, pad):
            count['buffers'] += 1
            if kind == 'video':
                caps = pad.get_current_caps().get_structure(0)
                count['width'], count['height'] = caps.get_int('width')[1], caps.get_int('height')[1]
            elif any(buffer.extract_dup(0, min(256, buffer.get_size()))):
                count['sounding'] = count.get('sounding', 0) + 1

        sink.connect('handoff', handed)
        self.pipeline.add(sink)
        sink.sync_state_with_parent()
        pad.link(sink.get_static_pad('sink'))

    def tell(self):
        if self.played:
            print(json.dumps(self.played), flush=True)
        return True

    def end(self):
        if self.location:
            request('DELETE', self.location, self.options.token).close()
        self.pipeline.set_state(Gst.State.NULL)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('command', choices=['publish', 'play'])
    parser.add_argument('url')
    parser.add_argument('--token')
    parser.add_argument('--sound', default=SOUND, help='elements up to the Opus encoder; empty for none')
    parser.add_argument('--picture', default=PICTURE, help='elements before the encoder; empty for none')
    parser.add_argument('--codec', choices=CODECS, default='VP8', help='of the picture')
    options = parser.parse_args()
    Gst.init(None)
    loop = GLib.MainLoop()
    for number in (signal.SIGINT, signal.SIGTERM):
        GLib.unix_signal_add(GLib.PRIORITY_DEFAULT, number, loop.quit)
    session = Session(options, loop)
    GLib.timeout_add(500, session.tell)
    loop.run()
    session.end()
    sys.exit(session.failure)


main()
